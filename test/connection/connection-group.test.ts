import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionGroup } from '../../src/connection/connection-group.js';
import { close } from '../conformance/frames.js';
import { destroyAll, engine, engineAndPeer } from './ends.js';

afterEach(destroyAll);

describe('ConnectionGroup', () => {
  it('has nothing to wait for when it is empty', async () => {
    expect(await new ConnectionGroup().closeAll(1001, '', 1000)).toEqual({ clean: 0, destroyed: 0 });
  });

  it('closes its open connections, counts how they ended, and forgets them', async () => {
    const group = new ConnectionGroup();
    const answers = await engineAndPeer({ group });
    const goesAway = await engineAndPeer({ group });
    const isSilent = await engineAndPeer({ group });
    const endedBefore = await engineAndPeer({ group });
    engine({ group });
    endedBefore.connection.destroy();
    const closing = group.closeAll(1001, 'restart', 200);
    expect(await answers.peer.receives(1)).toEqual(['close 1001 restart']);
    answers.peer.send(close(1001));
    answers.peer.socket.end();
    await goesAway.peer.receives(1);
    goesAway.peer.socket.destroy();
    expect(await closing).toEqual({ clean: 1, destroyed: 2 });
    expect(isSilent.recorder.names).toEqual(['end']);
    expect(await group.closeAll(1001, '', 1000)).toEqual({ clean: 0, destroyed: 0 });
  });

  it('does not count a connection that came after the call', async () => {
    const group = new ConnectionGroup();
    const { peer } = await engineAndPeer({ group });
    const closing = group.closeAll(1001, '', 1000);
    const late = await engineAndPeer({ group });
    late.connection.destroy();
    await peer.receives(1);
    peer.socket.end(peer.encode(close(1001)));
    expect(await closing).toEqual({ clean: 1, destroyed: 0 });
  });

  it('may be closed twice at once', async () => {
    const group = new ConnectionGroup();
    const { peer } = await engineAndPeer({ group });
    const closings = [group.closeAll(1001, 'first', 1000), group.closeAll(1000, 'second', 1000)];
    expect(await peer.receives(1)).toEqual(['close 1001 first']);
    peer.socket.end(peer.encode(close(1001)));
    expect(await Promise.all(closings)).toEqual([
      { clean: 1, destroyed: 0 },
      { clean: 1, destroyed: 0 },
    ]);
  });
});
