// How the remembered states lead to each other: where all poll and nothing that any of them does ends that, they poll in vain.

export class Ways {
  /** By state: the one it was first reached from, and the agents that moved on the way. */
  readonly #from: number[] = [];
  readonly #via: (readonly number[])[] = [];
  /** Pairs: from, to. */
  readonly #edges: number[] = [];

  /** By state: what everybody who has to come to an end waits or polls for there; null: somebody does neither. */
  readonly #polling: (string | null)[] = [];

  /** `from`: -1 for the start. */
  reached(state: number, { from, via, polling }: { readonly from: number; readonly via: readonly number[]; readonly polling: string | null }): void {
    this.#polling[state] = polling;
    this.#from[state] = from;
    this.#via[state] = via;
  }

  leads(from: number, to: number): void {
    if (from !== to) this.#edges.push(from, to);
  }

  /** Schedules end here: nobody can move, or somebody has thrown. */
  ends(state: number): void {
    this.#polling[state] = null;
  }

  /** A schedule to a state where all poll, and go on polling whoever moves; null: there is none. */
  inVain(): readonly number[] | null {
    const before = new Map<number, number[]>();
    for (let at = 0; at < this.#edges.length; at += 2) {
      const [from, to] = [this.#edges[at] as number, this.#edges[at + 1] as number];
      const known = before.get(to);
      if (known === undefined) before.set(to, [from]);
      else known.push(from);
    }
    const leaves = new Set<number>();
    const left: number[] = [];
    const leave = (state: number) => {
      if (leaves.has(state)) return;
      leaves.add(state);
      left.push(state);
    };
    this.#polling.forEach((polling, state) => {
      if (polling === null) leave(state);
      for (const from of before.get(state) ?? []) if (this.#polling[from] !== polling) leave(from);
    });
    for (let state = left.pop(); state !== undefined; state = left.pop()) for (const from of before.get(state) ?? []) leave(from);
    const stuck = this.#polling.findIndex((_, state) => !leaves.has(state));
    return stuck < 0 ? null : this.#pathTo(stuck);
  }

  #pathTo(state: number): readonly number[] {
    const path: (readonly number[])[] = [];
    for (let at = state; at >= 0; at = this.#from[at] ?? -1) path.push(this.#via[at] ?? []);
    return path.reverse().flat();
  }
}
