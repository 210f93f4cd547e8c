// How views hang on the desk: a component names the topics it shows and is rendered again in the frame after one of them
// changed; a pure component is not rendered again unless its own properties changed.
import { Component, type ComponentChild, createContext, type FunctionComponent } from "preact";
import { useContext, useEffect, useReducer } from "preact/hooks";
import type { Desk } from "../state/desk";

export const DeskContext = createContext<Desk | null>(null);

/** The desk, and a render whenever one of the topics changed. */
export function useDesk(...topics: string[]): Desk {
  const desk = useContext(DeskContext);
  if (desk === null) throw new Error("a view outside the page");
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const ends = topics.map((topic) => desk.frame.watch(topic, () => again(null)));
    // What changed between the first render and now would otherwise wait for the next change.
    again(null);
    return () => {
      for (const end of ends) end();
    };
  }, [desk, ...topics]);
  return desk;
}

/** A component that is rendered again only when one of its properties is not what it was. */
export function pure<P extends object>(render: FunctionComponent<P>): FunctionComponent<P> {
  class Pure extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      for (const name in after) if (after[name] !== before[name]) return true;
      for (const name in before) if (!(name in after)) return true;
      return false;
    }
    override render(): ComponentChild {
      return render(this.props) as ComponentChild;
    }
  }
  return Pure as unknown as FunctionComponent<P>;
}
