/**
 * Which nodes are connected, over which link, and what to do when both sides dial at once. Pure: events in, effects out;
 * the caller owns sockets, handshakes and timers. A *link* is one socket with its handshake; a node has at most one
 * established link, and may have one that we dial and several inbound ones that have not proved the cookie.
 *
 * Rules (facts of OTP 25):
 * - both dial: the attempt of the node with the greater name survives. We answer `ok_simultaneous` and drop our own when
 *   the other's name is greater, else `nok`, and it waits for ours. An attempt that has not said anything yet is no
 *   attempt: the other cannot know of it.
 * - somebody claims a name that is connected: `alive`. The old link stays until the new one proved the cookie: replacing
 *   it earlier would let anybody who reaches the port cut connections.
 * - `down` of the old link always comes before `up` of the new one.
 * - while an inbound handshake of a node runs, it is waited for instead of dialling, but only `INBOUND_PATIENCE_MS`:
 *   somebody who claims the name without having the cookie must not keep us from dialling the real one.
 */

export const INBOUND_PATIENCE_MS = 1_000;
/** After `nok`: how long to wait for the other's connection. The time of OTP's set-up timer. */
export const YIELD_PATIENCE_MS = 7_000;

export type LinkId = number;
export type Verdict = 'ok' | 'ok_simultaneous' | 'nok' | 'alive' | 'not_allowed';

export type MeshEvent =
  /** Something is to be sent to the node. */
  | { readonly kind: 'wanted'; readonly node: string }
  /** Our first handshake message has gone out on a dialled link. */
  | { readonly kind: 'spoke'; readonly node: string; readonly link: LinkId }
  /** An inbound link says to be `node`; a verdict follows at once. */
  | { readonly kind: 'claimed'; readonly node: string; readonly link: LinkId }
  /** The other side of a dialled link dials us and asks us to wait. */
  | { readonly kind: 'yielded'; readonly node: string; readonly link: LinkId }
  | { readonly kind: 'proved'; readonly node: string; readonly link: LinkId }
  /** A link ended, in whatever phase it was. */
  | { readonly kind: 'ended'; readonly node: string; readonly link: LinkId; readonly reason: string }
  | { readonly kind: 'timer'; readonly node: string; readonly token: number }
  | { readonly kind: 'disconnect'; readonly node: string; readonly reason: string };

export type MeshEffect =
  | { readonly kind: 'dial'; readonly node: string; readonly link: LinkId }
  | { readonly kind: 'verdict'; readonly link: LinkId; readonly verdict: Verdict }
  /** Close a link; nothing will come of it any more. */
  | { readonly kind: 'drop'; readonly link: LinkId }
  | { readonly kind: 'up'; readonly node: string; readonly link: LinkId }
  | { readonly kind: 'down'; readonly node: string; readonly link: LinkId; readonly reason: string }
  /** What was queued for the node is lost. */
  | { readonly kind: 'unreachable'; readonly node: string; readonly reason: string }
  | { readonly kind: 'timer'; readonly node: string; readonly token: number; readonly delayMs: number };

interface MeshNode {
  readonly name: string;
  up: LinkId | null;
  dialled: LinkId | null;
  /** Our first message on `dialled` went out. */
  spoke: boolean;
  readonly inbound: Set<LinkId>;
  /** Something waits for a connection. */
  wanted: boolean;
  /** We were told `nok` and wait for the node's own connection. */
  yielded: boolean;
  /** The one timer that still means something, 0 for none. */
  timer: number;
}

export interface Mesh {
  readonly self: string;
  readonly nodes: Map<string, MeshNode>;
  /** Next link id and timer token; never reused. */
  counter: number;
}

export function createMesh(self: string): Mesh {
  return { self, nodes: new Map(), counter: 1 };
}

/** An id for an inbound link. */
export function nextLinkId(mesh: Mesh): LinkId {
  return mesh.counter++;
}

/** Nodes to which or from which a connection is being made. */
export function connectingNodes(mesh: Mesh): readonly string[] {
  const isConnecting = (node: MeshNode): boolean => node.wanted || node.dialled !== null || node.inbound.size > 0;
  return [...mesh.nodes.values()].filter(isConnecting).map((node) => node.name);
}

export function stepMesh(mesh: Mesh, event: MeshEvent): readonly MeshEffect[] {
  const node = mesh.nodes.get(event.node) ?? newNode(event.node);
  mesh.nodes.set(event.node, node);
  const effects = stepNode(mesh, node, event);
  if (isIdle(node)) mesh.nodes.delete(node.name);
  return effects;
}

function stepNode(mesh: Mesh, node: MeshNode, event: MeshEvent): readonly MeshEffect[] {
  switch (event.kind) {
    case 'wanted':
      return onWanted(mesh, node);
    case 'spoke':
      if (node.dialled === event.link) node.spoke = true;
      return [];
    case 'claimed':
      return onClaimed(mesh, node, event.link);
    case 'yielded':
      return onYielded(mesh, node, event.link);
    case 'proved':
      return onProved(node, event.link);
    case 'ended':
      return onEnded(mesh, node, event.link, event.reason);
    case 'timer':
      return onTimer(mesh, node, event.token);
    case 'disconnect':
      return onDisconnect(node, event.reason);
  }
}

function onWanted(mesh: Mesh, node: MeshNode): readonly MeshEffect[] {
  if (node.up !== null || node.wanted) return [];
  node.wanted = true;
  return pursue(mesh, node);
}

/** The next thing to do for a node that is wanted and not up. */
function pursue(mesh: Mesh, node: MeshNode): readonly MeshEffect[] {
  if (!node.wanted || node.up !== null || node.dialled !== null || node.yielded) return [];
  if (node.inbound.size > 0) return [startTimer(mesh, node, INBOUND_PATIENCE_MS)];
  return [dial(mesh, node)];
}

function onClaimed(mesh: Mesh, node: MeshNode, link: LinkId): readonly MeshEffect[] {
  const effects: MeshEffect[] = [];
  const verdict = judgeClaim(mesh, node);
  if (verdict !== 'nok' && verdict !== 'not_allowed') {
    node.inbound.add(link);
    if (node.dialled !== null) {
      effects.push({ kind: 'drop', link: node.dialled });
      node.dialled = null;
      effects.push(...pursue(mesh, node));
    }
  }
  effects.push({ kind: 'verdict', link, verdict });
  return effects;
}

function judgeClaim(mesh: Mesh, node: MeshNode): Verdict {
  if (node.name === mesh.self) return 'not_allowed';
  if (node.up !== null) return 'alive';
  if (node.dialled === null || !node.spoke) return 'ok';
  return node.name > mesh.self ? 'ok_simultaneous' : 'nok';
}

function onYielded(mesh: Mesh, node: MeshNode, link: LinkId): readonly MeshEffect[] {
  if (node.dialled !== link) return [];
  node.dialled = null;
  node.yielded = true;
  return [{ kind: 'drop', link }, startTimer(mesh, node, YIELD_PATIENCE_MS)];
}

function onProved(node: MeshNode, link: LinkId): readonly MeshEffect[] {
  const isOurs = node.dialled === link || node.inbound.has(link);
  if (!isOurs) return [{ kind: 'drop', link }];
  const effects: MeshEffect[] = [];
  if (node.up !== null) {
    effects.push({ kind: 'down', node: node.name, link: node.up, reason: 'replaced' }, { kind: 'drop', link: node.up });
  }
  if (node.dialled !== null && node.dialled !== link) effects.push({ kind: 'drop', link: node.dialled });
  node.inbound.delete(link);
  node.dialled = null;
  node.up = link;
  node.wanted = false;
  node.yielded = false;
  node.timer = 0;
  effects.push({ kind: 'up', node: node.name, link });
  return effects;
}

function onEnded(mesh: Mesh, node: MeshNode, link: LinkId, reason: string): readonly MeshEffect[] {
  if (node.up === link) {
    node.up = null;
    return [{ kind: 'down', node: node.name, link, reason }];
  }
  if (node.inbound.delete(link)) {
    return node.inbound.size === 0 ? pursue(mesh, node) : [];
  }
  if (node.dialled !== link) return [];
  node.dialled = null;
  return node.inbound.size > 0 ? pursue(mesh, node) : giveUp(node, reason);
}

function onTimer(mesh: Mesh, node: MeshNode, token: number): readonly MeshEffect[] {
  if (node.timer !== token) return [];
  node.timer = 0;
  if (!node.wanted || node.up !== null) return [];
  if (!node.yielded) return [dial(mesh, node)];
  node.yielded = false;
  return node.inbound.size > 0 ? pursue(mesh, node) : giveUp(node, 'setup_timeout');
}

function onDisconnect(node: MeshNode, reason: string): readonly MeshEffect[] {
  const effects: MeshEffect[] = [];
  if (node.dialled !== null) effects.push({ kind: 'drop', link: node.dialled });
  for (const link of node.inbound) effects.push({ kind: 'drop', link });
  node.dialled = null;
  node.inbound.clear();
  if (node.up !== null) {
    const link = node.up;
    node.up = null;
    effects.push({ kind: 'down', node: node.name, link, reason }, { kind: 'drop', link });
  }
  if (node.wanted) effects.push(...giveUp(node, reason));
  return effects;
}

function giveUp(node: MeshNode, reason: string): readonly MeshEffect[] {
  const effects: readonly MeshEffect[] = node.wanted ? [{ kind: 'unreachable', node: node.name, reason }] : [];
  node.wanted = false;
  node.yielded = false;
  node.timer = 0;
  return effects;
}

function dial(mesh: Mesh, node: MeshNode): MeshEffect {
  node.dialled = mesh.counter++;
  node.spoke = false;
  return { kind: 'dial', node: node.name, link: node.dialled };
}

function startTimer(mesh: Mesh, node: MeshNode, delayMs: number): MeshEffect {
  node.timer = mesh.counter++;
  return { kind: 'timer', node: node.name, token: node.timer, delayMs };
}

function isIdle(node: MeshNode): boolean {
  return node.up === null && node.dialled === null && node.inbound.size === 0 && !node.wanted;
}

function newNode(name: string): MeshNode {
  return {
    name,
    up: null,
    dialled: null,
    spoke: false,
    inbound: new Set(),
    wanted: false,
    yielded: false,
    timer: 0,
  };
}
