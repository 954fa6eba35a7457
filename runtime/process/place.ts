/** Where a pid lives, if not on a thread of this node: on another node, or in a former life of this one. */
export const ELSEWHERE = -1;
export const GONE = -2;
