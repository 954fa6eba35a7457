/** Requests say whom they are meant for: an acceptor that only has the same name, bucket and epoch does not vote on them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localBucket } from '../../kv/bucket/local.ts';
import { pushRequest, readReplies, readReplyTerm, requestTerm, sealOf, type Asked } from '../../kv/bucket/wire.ts';
import type { Ballot, Cell, Config, Incarnation, RegisterReply } from '../../kv/paxos/messages.ts';
import { ZERO } from '../../kv/paxos/ballot.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';
import { withInside } from './kit/cluster-inside.ts';

test('a member refuses what was meant for another cluster, another boot or another partition of the same name', async () => {
  await withInside(async (cluster) => {
    const [a, b] = await cluster.startSettled(1, 2, 3);
    assert.ok(a && b);
    const acceptor = localBucket(a.node.name, 'PaxosKV')?.acceptor?.acceptor;
    const config = acceptor?.config as Config;
    const me = acceptor?.me as Incarnation;
    const place = { bucket: 'PaxosKV', partition: 0 };
    const strange = [
      sealOf('another', place, me),
      sealOf(config.cluster, { ...place, partition: 1 }, me),
      sealOf(config.cluster, { ...place, bucket: 'Other' }, me),
      sealOf(config.cluster, place, { ...me, boot: me.boot + 1 }),
      sealOf(config.cluster, place, { ...me, id: 'other' }),
    ];
    const put = async (seal: number, key: string, r: number): Promise<RegisterReply> => {
      const ballot: Ballot = { e: config.e, r, p: 7 };
      const fast: Cell = { live: true, value: 1, ver: ballot, bind: null, hist: [], cut: ZERO };
      const list: unknown[] = [];
      pushRequest(list, { kind: 'prepare', e: config.e, key, b: ballot, fast });
      const to = tuple2(nameAtom('PaxosKV.Acceptor'), a.node.name);
      const term = await b.node.run((self) => {
        self.send(to, requestTerm(self.pid, seal, config.e, 7, list));
        return self.receive();
      });
      const batch = readReplyTerm(term, r);
      assert.ok(batch);
      const replies: RegisterReply[] = [];
      const asked = new Map<number, Asked>([[r, { b: ballot }]]);
      readReplies(batch, asked, (reply) => replies.push(reply));
      assert.equal(replies.length, 1);
      return replies[0] as RegisterReply;
    };
    for (const [i, seal] of strange.entries()) {
      const { kind, from } = await put(seal, `strange${i}`, 1000 + i);
      assert.deepEqual({ kind, from }, { kind: 'inactive', from: -1 });
      assert.equal(acceptor?.keys.has(`strange${i}`), false);
    }
    const { kind, from } = await put(sealOf(config.cluster, place, me), 'ours', 1005);
    assert.deepEqual({ kind, from }, { kind: 'taken', from: acceptor?.place });
  });
});
