// The official library of the Agent Client Protocol as a client of `paired acp`. Prints "ok    what" or "FAIL  what" for
// each check; every message that comes is judged by the schema.  node acp.mjs PAIRED REPOSITORY
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { fault } from './acp_schema.mjs';

const [paired, root] = process.argv.slice(2);
const require = createRequire(path.join(process.env.PAIRED_TEST_MODULES, 'x.js'));
const acp = await import(pathToFileURL(require.resolve('@agentclientprotocol/sdk')).href);
const A = acp.methods.agent;

let failed = 0, judged = 0;
const faults = [], noise = [];
function check(good, what, detail = '') {
  if (!good) failed++;
  console.log(`${good ? 'ok   ' : 'FAIL '} ${what}${detail === '' ? '' : `  (${typeof detail === 'string' ? detail : JSON.stringify(detail).slice(0, 600)})`}`);
}
const refused = async promise => { try { await promise; return 0; } catch (e) { return e.code; } };
const text = s => [{ type: 'text', text: s }];
const pause = ms => new Promise(done => setTimeout(done, ms));
async function until(test, what, ms = 20000) {
  const end = performance.now() + ms;
  for (;;) {
    const value = test();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(5);
  }
}

// One editor: an agent process, the library's connection to it, and what passed between them.
async function editor(options, work) {
  const child = spawn(paired, options.argv ?? ['acp'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise(done => child.on('exit', (code, signal) => done(code ?? signal)));
  const e = { updates: [], asked: [], notes: [], texts: new Map(), written: [], decide: () => 'reject-once', child };
  const methods = new Map(), toAgent = new PassThrough(), fromAgent = new PassThrough();
  const lines = (stream, take) => {
    let held = '';
    stream.setEncoding('utf8').on('data', chunk => {
      const all = (held + chunk).split('\n');
      held = all.pop();
      for (const line of all) take(line);
    });
  };
  lines(toAgent, line => {
    const m = JSON.parse(line);
    if (m.method && 'id' in m) methods.set(JSON.stringify(m.id), m.method);
    child.stdin.write(line + '\n');
  });
  lines(child.stdout, line => {
    let m;
    try { m = JSON.parse(line); } catch { noise.push(line); return; }
    judged++;
    const wrong = fault(m, methods);
    if (wrong) faults.push(`${wrong}: ${line.slice(0, 300)}`);
    if (m.method && !('id' in m) && m.method !== 'session/update') e.notes.push(m);
    fromAgent.write(line + '\n');
  });
  const client = acp.client({ name: 'paired-test' })
    .onNotification(acp.methods.client.session.update, c => { e.updates.push(c.params); })
    .onRequest(acp.methods.client.session.requestPermission, async c => {
      e.asked.push(c.params);
      const choice = await e.decide(c.params);
      return { outcome: choice ? { outcome: 'selected', optionId: choice } : { outcome: 'cancelled' } };
    })
    .onRequest(acp.methods.client.fs.readTextFile, c => {
      if (!e.texts.has(c.params.path)) throw new Error('not open');
      return { content: e.texts.get(c.params.path) };
    })
    .onRequest(acp.methods.client.fs.writeTextFile, c => { e.written.push(c.params); e.texts.set(c.params.path, c.params.content); return {}; });
  await client.connectWith(acp.ndJsonStream(Writable.toWeb(toAgent), Readable.toWeb(fromAgent)), async connection => {
    e.connection = connection;
    e.welcome = await connection.request(A.initialize, {
      protocolVersion: options.version ?? 1, clientInfo: { name: 'paired-test', version: '1' },
      clientCapabilities: { fs: { readTextFile: !!options.fs, writeTextFile: !!options.fs }, terminal: false,
        ...(options.notices ? { session: { notices: {} } } : {}) } });
    await work(e, connection);
  });
  child.stdin.end();
  const code = await Promise.race([exited, pause(10000).then(() => 'still running')]);
  if (code === 'still running') child.kill('SIGKILL');
  return code;
}

const of = (updates, kind) => updates.filter(u => u.sessionUpdate === kind);
const said = updates => of(updates, 'agent_message_chunk').map(u => u.content.text).join('');
async function prompt(e, sessionId, blocks) {
  const start = e.updates.length;
  const result = await e.connection.request(A.session.prompt, { sessionId, prompt: typeof blocks === 'string' ? text(blocks) : blocks });
  await pause(0);
  return { reason: result.stopReason, updates: e.updates.slice(start).filter(u => u.sessionId === sessionId).map(u => u.update) };
}
const report = path.join(root, 'tools/report.py');

// --- the connection and its options --------------------------------------------------------------

let kept;
const left = await editor({}, async (e, c) => {
  check(e.welcome.protocolVersion === 1, 'initialize: protocol version 1');
  check(e.welcome.agentInfo?.name === 'paired' && !!e.welcome.agentInfo.version, 'initialize: who it is', e.welcome.agentInfo);
  check(e.welcome.agentCapabilities.loadSession && e.welcome.agentCapabilities.promptCapabilities.embeddedContext,
    'initialize: what it can do');
  check(e.welcome.authMethods.length === 1, 'initialize: one way to authenticate, as the registry wants');
  check(!!await c.request(A.authenticate, { methodId: e.welcome.authMethods[0].id }), 'authenticate asks for nothing');
  check(await refused(c.request(A.authenticate, { methodId: 'x' })) === -32602, 'authenticate: another method is refused');
  check(await refused(c.request('no/such_method', {})) === -32601, 'an unknown method: -32601');

  const s = await c.request(A.session.new, { cwd: root, mcpServers: [] }), sessionId = s.sessionId;
  check(typeof sessionId === 'string' && sessionId.length > 10, 'session/new: a session', sessionId);
  check(await refused(c.request(A.session.new, { cwd: 'shop', mcpServers: [] })) === -32602, 'session/new: a relative folder is refused');
  check(await refused(c.request(A.session.new, { cwd: '/no/such', mcpServers: [] })) === -32602, 'session/new: a folder that is not there is refused');
  check(await refused(c.request(A.session.prompt, { sessionId: 'x', prompt: text('x') })) === -32002, 'an unknown session: -32002');
  const option = s.configOptions[0], values = option.options.map(o => o.value);
  check(s.configOptions.length === 1 && option.category === 'mode' && values.length === 8 && option.currentValue === 'team',
    'one option of category mode: the team and the seven', values);
  check(JSON.stringify(s.modes.availableModes.map(m => m.id)) === JSON.stringify(values) && s.modes.currentModeId === 'team',
    'the same as modes, for older clients');
  const commands = () => e.updates.filter(u => u.sessionId === sessionId && u.update.sessionUpdate === 'available_commands_update').map(u => u.update.availableCommands);
  const first = await until(() => commands()[0], 'commands');
  check(first.some(k => k.name === 'review') && first.some(k => k.name === 'recall'), 'commands are announced', first.length);
  const set = await c.request(A.session.setConfigOption, { sessionId, configId: option.id, value: 'maya' });
  check(set.configOptions[0].currentValue === 'maya', 'session/set_config_option: another agent');
  await until(() => e.updates.some(u => u.update.sessionUpdate === 'current_mode_update' && u.update.currentModeId === 'maya'), 'mode');
  check(true, 'the mode follows the option');
  check((await until(() => commands()[1], 'commands')).some(k => k.name === 'a11y') && !commands()[1].some(k => k.name === 'review'),
    'the commands are those of the agent');
  await c.request(A.session.setMode, { sessionId, modeId: 'team' });
  await until(() => e.updates.some(u => u.update.sessionUpdate === 'config_option_update' && u.update.configOptions[0].currentValue === 'team'), 'option');
  check(true, 'the option follows the mode');
  check(await refused(c.request(A.session.setConfigOption, { sessionId, configId: option.id, value: 'nobody' })) === -32602, 'an unknown agent is refused');
  check(await refused(c.request(A.session.setConfigOption, { sessionId, configId: 'x', value: 'maya' })) === -32602, 'an unknown option is refused');

  // --- turns
  let begin = performance.now();
  let r = await prompt(e, sessionId, '/review');
  check(r.reason === 'end_turn', '/review ends the turn', `${(performance.now() - begin).toFixed(0)} ms`);
  check(/unreachable-code/.test(said(r.updates)), '/review is answered in the chat');
  const plans = of(r.updates, 'plan').map(u => u.entries.map(x => x.status).join());
  check(plans[0] === 'in_progress' && plans.at(-1) === 'completed', 'the plan is shown and followed', plans);
  const call = of(r.updates, 'tool_call')[0], ended = of(r.updates, 'tool_call_update').at(-1);
  check(call.title.startsWith('Sherlock') && call.kind === 'read' && call.status === 'in_progress', 'the capability that runs is shown', call.title);
  check(ended.toolCallId === call.toolCallId && ended.status === 'completed', 'and that it is done');
  check(ended.locations.length > 0 && ended.locations.every(l => path.isAbsolute(l.path) && fs.existsSync(l.path) &&
    l.line <= fs.readFileSync(l.path, 'utf8').split('\n').length), 'with places that are there', ended.locations[0]);
  check(of(r.updates, 'session_info_update')[0]?.title === '/review', 'the session gets a title');
  const usage = of(r.updates, 'usage_update')[0];
  check(usage?.used > 0 && usage.used < usage.size, 'usage is told', usage);
  const many = await Promise.all([prompt(e, sessionId, 'where are the hotspots?'),
    (async () => { const o = await c.request(A.session.new, { cwd: root, mcpServers: [] }); return prompt(e, o.sessionId, '/owners'); })()]);
  check(/Hotspots/.test(said(many[0].updates)) && /bus factor/.test(said(many[1].updates)), 'two sessions at once, each its own answer');
  r = await prompt(e, sessionId, [...text('how complex are the functions in'), { type: 'resource_link', name: 'till.c', uri: pathToFileURL(path.join(root, 'src/till.c')).href }]);
  check(/rebate/.test(said(r.updates)) && !/report\.py/.test(said(r.updates)), 'a link says which file is meant');
  r = await prompt(e, sessionId, [...text('/metrics'), { type: 'resource', resource: { uri: pathToFileURL(report).href, text: 'def embedded_only(a):\n    return a\n' } }]);
  check(/embedded_only/.test(said(r.updates)), 'an embedded file is read as it was sent');
  check(await refused(c.request(A.session.prompt, { sessionId, prompt: [{ type: 'image', mimeType: 'image/png', data: 'AA==' }] })) === -32602, 'what was not advertised is refused');
  r = await prompt(e, sessionId, '/metrics budget=120');
  const second = await prompt(e, sessionId, '/more');
  check(/total_of/.test(said(r.updates)) && said(second.updates).length > 40 && !/total_of/.test(said(second.updates)), '/more is the next page');
  r = await prompt(e, sessionId, '/nonsense');
  check(r.reason === 'end_turn' && /no \/nonsense/.test(said(r.updates)), 'an unknown command is said in the chat');
  r = await prompt(e, sessionId, '/fix tools/report.py');
  check(of(r.updates, 'tool_call_update').some(u => u.content?.some(x => x.type === 'diff')) && /nothing was written/.test(said(r.updates)) && !e.asked.length,
    'a client without files sees repairs, and none is written');
  const built = await c.buildSession({ cwd: root, mcpServers: [] }).start();
  const turn = built.prompt('where are the hotspots?');
  let words = '', stop;
  while (!stop) { const m = await built.nextUpdate(); if (m.kind === 'stop') stop = m.stopReason; else if (m.update.sessionUpdate === 'agent_message_chunk') words += m.update.content.text; }
  await turn;
  check(stop === 'end_turn' && /src\/till\.c/.test(words), "the library's own session object works", stop === 'end_turn' ? '' : stop);
  kept = sessionId;
});
check(left === 0, 'it leaves when its input ends', left);

// --- permission, files, other people's programs --------------------------------------------------

const mark = path.join(path.dirname(root), 'started');
const code = await editor({ fs: true, notices: true }, async (e, c) => {
  const { sessionId } = await c.request(A.session.new, { cwd: root, mcpServers: [{ name: 'x', command: '/bin/touch', args: [mark], env: [] }] });
  await until(() => e.updates.some(u => u.update.sessionUpdate === 'notice'), 'notice');
  check(!fs.existsSync(mark), 'MCP servers are not started, and that is said');
  let r = await prompt(e, sessionId, '/mute rule=todo-comment');
  check(e.asked.length === 1 && /nothing was written/.test(said(r.updates)), 'nothing is kept without permission');
  check(JSON.stringify(e.asked[0].options.map(o => o.kind)) === '["allow_once","allow_always","reject_once","reject_always"]', 'the four answers are offered');
  e.decide = () => 'allow-once';
  r = await prompt(e, sessionId, '/mute rule=todo-comment');
  check(of(r.updates, 'tool_call_update').at(-1).status === 'completed' && /todo-comment/.test(said((await prompt(e, sessionId, '/mute')).updates)), 'with permission it is');
  e.decide = () => 'allow-always';
  await prompt(e, sessionId, '/mute rule=todo-comment remove=true');
  await prompt(e, sessionId, '/mute rule=todo-comment');
  check(e.asked.length === 3, 'allowed for the session: not asked again', e.asked.length);
  let open;
  e.decide = () => new Promise(done => { open = done; });
  const waiting = c.request(A.session.prompt, { sessionId, prompt: text('/baseline') });
  await until(() => open, 'a question');
  const begin = performance.now();
  await c.notify(A.session.cancel, { sessionId });
  check((await waiting).stopReason === 'cancelled', 'session/cancel ends the turn as cancelled', `${(performance.now() - begin).toFixed(1)} ms`);
  check(e.notes.some(n => n.method === '$/cancel_request'), 'and takes the open question back');
  open(null);
  e.decide = () => 'allow-once';

  const before = fs.readFileSync(report, 'utf8');
  e.texts.set(report, '# unsaved\n' + before);
  e.texts.set(path.join(root, 'src/till.c'), 'int only_in_the_editor(int a) {\n    return a ? 1 : 2;\n}\n');
  check(/only_in_the_editor/.test(said((await prompt(e, sessionId, '/metrics src/till.c')).updates)), "the editor's unsaved text is what counts");
  r = await prompt(e, sessionId, '/fix tools/report.py');
  const diff = of(r.updates, 'tool_call_update').flatMap(u => u.content ?? []).find(x => x.type === 'diff');
  check(diff?.path === report && diff.oldText === '# unsaved\n' + before && diff.newText !== diff.oldText, 'a repair is shown as a diff');
  check(e.written.length === 1 && e.written[0].content === diff.newText, 'and written through the editor once it is allowed');
  check(fs.readFileSync(report, 'utf8') === before, 'never behind its back');
});
check(code === 0, 'it leaves in order after all that', code);

// --- conversations of earlier, another engine ----------------------------------------------------

await editor({}, async (e, c) => {
  const listed = await c.request(A.session.list, { cwd: root });
  const mine = listed.sessions.find(x => x.sessionId === kept);
  check(mine?.title === '/review' && mine.cwd === root && !Number.isNaN(Date.parse(mine.updatedAt)), 'session/list: what was said before', mine);
  const start = e.updates.length;
  const loaded = await c.request(A.session.load, { sessionId: kept, cwd: root, mcpServers: [] });
  const told = e.updates.slice(start).filter(u => u.sessionId === kept).map(u => u.update);
  check(told[0]?.sessionUpdate === 'user_message_chunk' && told[0].content.text === '/review' && /unreachable-code/.test(said(told)) && loaded.configOptions.length === 1,
    'session/load tells all of it again', told.length);
  check((await prompt(e, kept, '/hotspots')).reason === 'end_turn', 'and goes on');
  await c.request(A.session.close, { sessionId: kept });
  check(await refused(c.request(A.session.prompt, { sessionId: kept, prompt: text('x') })) === -32002, 'session/close: closed');
  const quiet = e.updates.length;
  await c.request(A.session.resume, { sessionId: kept, cwd: root });
  check(!e.updates.slice(quiet).some(u => u.update.sessionUpdate.endsWith('_chunk')) && (await prompt(e, kept, '/hotspots')).reason === 'end_turn',
    'session/resume goes on without telling');
  check(await refused(c.request(A.session.load, { sessionId: 'chat-0', cwd: root, mcpServers: [] })) === -32002, 'session/load: one that is not there, -32002');
  const engine = () => fs.readdirSync('/proc').filter(p => /^\d+$/.test(p)).filter(p => {
    try { return fs.readFileSync(`/proc/${p}/environ`, 'utf8').includes(`PAIRED_PROFILE=${process.env.PAIRED_PROFILE}\0`) && / ?engine/.test(fs.readFileSync(`/proc/${p}/cmdline`, 'utf8').replaceAll('\0', ' ')); } catch { return false; }
  });
  const victim = engine()[0], pending = c.request(A.session.prompt, { sessionId: kept, prompt: text('where are the hotspots?') });
  process.kill(Number(victim), 'SIGKILL');
  check((await pending).stopReason === 'end_turn' && engine()[0] !== victim, 'the engine is killed: the turn ends as if nothing had been', victim);
  await c.request(A.session.delete, { sessionId: kept });
  check(!(await c.request(A.session.list, {})).sessions.some(x => x.sessionId === kept), 'session/delete: gone');
});
await editor({ argv: [], version: 7 }, async e => {
  check(e.welcome.protocolVersion === 1, 'a bare pipe is told from MCP, a version that is not known gets ours');
});

const update = (u, more = {}) => fault({ jsonrpc: '2.0', method: 'session/update', params: { sessionId: 'x', update: u, ...more } }, new Map());
check(update({ sessionUpdate: 'plan', entries: [] }) === null && update({ sessionUpdate: 'plan' }) && update({ sessionUpdate: 'plans', entries: [] }) &&
  update({ sessionUpdate: 'plan', entries: [], more: 1 }) && update({ sessionUpdate: 'plan', entries: [] }, { more: 1 }) &&
  update({ sessionUpdate: 'tool_call', toolCallId: '1', title: 'x', kind: 'reading' }) && fault({ jsonrpc: '2.0', id: 1, result: {} }, new Map()) &&
  fault({ jsonrpc: '2.0', id: 1, result: { stopReason: 'done' } }, new Map([['1', 'session/prompt']])), 'the judge sees faults where there are some');
check(noise.length === 0, 'stdout holds messages only', noise.slice(0, 3));
check(faults.length === 0, `each of ${judged} messages is what the schema says`, faults.length ? faults.slice(0, 3).join('\n') : '');
process.exit(failed ? 1 : 0);
