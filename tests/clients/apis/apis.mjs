// node apis.mjs WIRE_TOOL MODULES SEEDS: what core/models/wire writes against the vendors' own packages.
// 1. Answers: each recorded answer, written for each family as a stream and whole, is read by that vendor's SDK.
// 2. Requests: the same conversation of each family, converted to each other one, is understood by an emulator of the
//    API (its journal shows what it read), and the answer comes back to the SDK of the first family.
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import assert from 'node:assert/strict';

const [tool, modules, seeds] = process.argv.slice(2);
const require = createRequire(modules + '/');
const Anthropic = require('@anthropic-ai/sdk').default ?? require('@anthropic-ai/sdk');
const OpenAI = require('openai').default ?? require('openai');
const {GoogleGenAI} = require('@google/genai');
const {LLMock} = require('@copilotkit/aimock');

const FAMILIES = ['anthropic', 'chat', 'responses', 'gemini'];
let passed = 0, failed = 0;
async function check(name, test) {
  try { await test(); passed++; } catch (e) {
    failed++;
    console.log(`FAILED ${name}: ${String(e.stack ?? e).slice(0, 1500)}`);
  }
}

function wire(args, input) {
  const run = spawnSync(tool, args, {input, maxBuffer: 1 << 26});
  assert.equal(run.status, 0, `wire_tool ${args.join(' ')}: ${run.stderr}`);
  return run.stdout;
}

// A fetch that answers with these bytes, in pieces that end anywhere.
const answering = (bytes, stream, status = 200) => async () => new Response(new ReadableStream({
  start(c) {
    for (let at = 0; at < bytes.length; at += 37) c.enqueue(new Uint8Array(bytes.subarray(at, at + 37)));
    c.close();
  }}), {status, headers: {'content-type': stream ? 'text/event-stream' : 'application/json'}});

// Reads with the family's SDK; what came as {thinking, text, tools: [[name, arguments]], stop, usage: [in, out]}.
const ask = {
  async anthropic(bytes, stream, status) {
    const client = new Anthropic({apiKey: 'x', maxRetries: 0, fetch: answering(bytes, stream, status)});
    const request = {model: 'm', max_tokens: 10, messages: [{role: 'user', content: 'x'}]};
    const m = stream ? await client.messages.stream(request).finalMessage() : await client.messages.create(request);
    const of = type => m.content.filter(b => b.type === type);
    const u = m.usage;
    return {thinking: of('thinking').map(b => b.thinking).join(''), text: of('text').map(b => b.text).join(''),
      tools: of('tool_use').map(b => [b.name, b.input]), stop: m.stop_reason,
      usage: [u.input_tokens + u.cache_read_input_tokens + u.cache_creation_input_tokens, u.output_tokens]};
  },
  async chat(bytes, stream, status) {
    const client = new OpenAI({apiKey: 'x', maxRetries: 0, fetch: answering(bytes, stream, status)});
    const request = {model: 'm', messages: [{role: 'user', content: 'x'}]};
    let thinking = '', c;
    if (stream) {
      const s = client.chat.completions.stream(request); // joins only what OpenAI itself sends
      s.on('chunk', chunk => { thinking += chunk.choices[0]?.delta.reasoning_content ?? ''; });
      c = await s.finalChatCompletion();
    } else {
      c = await client.chat.completions.create(request);
      thinking = c.choices[0].message.reasoning_content ?? '';
    }
    const m = c.choices[0].message;
    return {thinking, text: m.content ?? '',
      tools: (m.tool_calls ?? []).map(t => [t.function.name, JSON.parse(t.function.arguments)]),
      stop: c.choices[0].finish_reason, usage: [c.usage?.prompt_tokens, c.usage?.completion_tokens]};
  },
  async responses(bytes, stream, status) {
    const client = new OpenAI({apiKey: 'x', maxRetries: 0, fetch: answering(bytes, stream, status)});
    const request = {model: 'm', input: 'x'};
    let r, deltas = '';
    if (stream) {
      const s = client.responses.stream(request);
      s.on('response.output_text.delta', e => { deltas += e.delta; });
      r = await s.finalResponse();
      if (r.status === 'failed') throw new Error(r.error.message);
      assert.equal(deltas, r.output_text);
    } else {
      r = await client.responses.create(request);
    }
    const of = type => r.output.filter(i => i.type === type);
    return {thinking: of('reasoning').flatMap(i => i.summary.map(s => s.text)).join(''), text: r.output_text,
      tools: of('function_call').map(i => [i.name, JSON.parse(i.arguments)]),
      stop: r.incomplete_details?.reason ?? r.status, usage: [r.usage.input_tokens, r.usage.output_tokens]};
  },
  async gemini(bytes, stream, status) {
    const before = globalThis.fetch;
    globalThis.fetch = answering(bytes, stream, status);
    try {
      const client = new GoogleGenAI({apiKey: 'x'});
      const request = {model: 'm', contents: 'x'};
      const chunks = [];
      if (stream) for await (const c of await client.models.generateContentStream(request)) chunks.push(c);
      else chunks.push(await client.models.generateContent(request));
      const parts = chunks.flatMap(c => c.candidates?.[0]?.content?.parts ?? []), last = chunks.at(-1);
      return {thinking: parts.filter(p => p.thought).map(p => p.text ?? '').join(''),
        text: parts.filter(p => !p.thought).map(p => p.text ?? '').join(''),
        tools: parts.filter(p => p.functionCall).map(p => [p.functionCall.name, p.functionCall.args ?? {}]),
        stop: last.candidates?.[0]?.finishReason,
        usage: [last.usageMetadata.promptTokenCount,
          (last.usageMetadata.candidatesTokenCount ?? 0) + (last.usageMetadata.thoughtsTokenCount ?? 0)]};
    } finally { globalThis.fetch = before; }
  },
};

const STOPS = {
  end: ['end_turn', 'stop', 'completed', 'STOP'], tools: ['tool_use', 'tool_calls', 'completed', 'STOP'],
  length: ['max_tokens', 'length', 'max_output_tokens', 'MAX_TOKENS'],
  sequence: ['stop_sequence', 'stop', 'completed', 'STOP'], refusal: ['refusal', 'content_filter', 'content_filter', 'SAFETY'],
};
const ANSWERS = {
  'anthropic_tools.sse': {thinking: 'The user wants the weather.\n', text: 'Grüße – I\'ll "look" 🌦️ up\n',
    tools: [['get_weather', {city: 'Paris'}], ['now', {}]], stop: 'tools', usage: [2360, 89]},
  'anthropic_server_tools.sse': {thinking: '', text: 'Found.', tools: [], stop: 'sequence', usage: [5, 7]},
  'anthropic_whole.json': {thinking: 'Hm.', text: 'Hello\u2028', tools: [['read', {path: 'a/b', lines: [1, 2]}]], stop: 'tools', usage: [3, 4]},
  'chat_tools.sse': {thinking: '', text: 'Let me see.', tools: [['get_weather', {city: 'Rome'}], ['now', {}]], stop: 'tools', usage: [100, 20]},
  'chat_reasoning.sse': {thinking: 'Thinking.', text: '4', tools: [], stop: 'length', usage: [9, 3]},
  'chat_whole.json': {thinking: '', text: 'Hi ä', tools: [['f', {a: 1}]], stop: 'tools', usage: [7, 2]},
  'responses_tools.sse': {thinking: 'First.\n\nSecond.', text: 'Hello, you', tools: [['find', {q: 1}]], stop: 'tools', usage: [50, 30]},
  'responses_whole.json': {thinking: 'First.\n\nSecond.', text: 'Hello, you', tools: [['find', {q: 1}]], stop: 'tools', usage: [50, 30]},
  'responses_incomplete.sse': {thinking: '', text: 'cut', tools: [], stop: 'length', usage: [50, 30]},
  'gemini_tools.sse': {thinking: '**Plan**\n', text: 'Checking now.', tools: [['get_weather', {city: 'Oslo'}], ['now', {}]], stop: 'tools', usage: [40, 16]},
  'gemini_whole.json': {thinking: 'Hm', text: 'Yes', tools: [], stop: 'length', usage: [2, 1]},
};

async function answers() {
  for (const [file, want] of Object.entries(ANSWERS)) {
    const bytes = readFileSync(`${seeds}/${file}`);
    const from = file.split('_')[0] + (file.endsWith('.sse') ? '+' : '');
    for (const [i, to] of FAMILIES.entries())
      for (const stream of [true, false])
        await check(`${file} as ${to}${stream ? '+' : ''}`, async () => {
          const got = await ask[to](wire(['answer', from, to + (stream ? '+' : '')], bytes), stream);
          assert.deepEqual(got, {...want, stop: STOPS[want.stop][i]});
        });
  }
}

async function errors() {
  for (const file of ['anthropic_overloaded.sse', 'chat_error.sse', 'responses_failed.sse'])
    for (const to of FAMILIES)
      await check(`${file} as ${to}`, async () => {
        const bytes = wire(['answer', file.split('_')[0] + '+', to + '+'], readFileSync(`${seeds}/${file}`));
        const said = {anthropic: 'Overloaded', chat: 'The server had an error', responses: 'Rate limit reached'}[file.split('_')[0]];
        await assert.rejects(async () => {
          const r = await ask[to](bytes, true);
          throw new Error(`no error but ${JSON.stringify(r)}`);
        }, e => !e.message.startsWith('no error') && (e.message + JSON.stringify(e.error ?? '')).includes(said));
      });
}

// --- requests

const CITY = {type: 'object', properties: {city: {type: 'string'}}, required: ['city']};
const PNG = 'iVBORw0KGgo=';
const REQUESTS = {
  anthropic: {model: 'm', max_tokens: 64, system: 'Be terse.', tools: [{name: 'weather', description: 'd', input_schema: CITY}],
    tool_choice: {type: 'auto'},
    messages: [{role: 'user', content: [{type: 'text', text: 'Weather in Rome?'}, {type: 'image', source: {type: 'base64', media_type: 'image/png', data: PNG}}]},
      {role: 'assistant', content: [{type: 'text', text: 'Looking.'}, {type: 'tool_use', id: 'toolu_1', name: 'weather', input: {city: 'Rome'}}]},
      {role: 'user', content: [{type: 'tool_result', tool_use_id: 'toolu_1', content: '22 C'}, {type: 'text', text: 'And Oslo?'}]}]},
  chat: {model: 'm', max_tokens: 64, tools: [{type: 'function', function: {name: 'weather', description: 'd', parameters: CITY}}], tool_choice: 'auto',
    messages: [{role: 'system', content: 'Be terse.'},
      {role: 'user', content: [{type: 'text', text: 'Weather in Rome?'}, {type: 'image_url', image_url: {url: 'data:image/png;base64,' + PNG}}]},
      {role: 'assistant', content: 'Looking.', tool_calls: [{id: 'call_1', type: 'function', function: {name: 'weather', arguments: '{"city":"Rome"}'}}]},
      {role: 'tool', tool_call_id: 'call_1', content: '22 C'}, {role: 'user', content: 'And Oslo?'}]},
  responses: {model: 'm', max_output_tokens: 64, instructions: 'Be terse.', tools: [{type: 'function', name: 'weather', description: 'd', parameters: CITY, strict: false}],
    tool_choice: 'auto',
    input: [{role: 'user', content: [{type: 'input_text', text: 'Weather in Rome?'}, {type: 'input_image', image_url: 'data:image/png;base64,' + PNG, detail: 'auto'}]},
      {type: 'message', role: 'assistant', content: [{type: 'output_text', text: 'Looking.', annotations: []}]},
      {type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Rome"}'},
      {type: 'function_call_output', call_id: 'call_1', output: '22 C'}, {role: 'user', content: 'And Oslo?'}]},
  gemini: {systemInstruction: {parts: [{text: 'Be terse.'}]}, generationConfig: {maxOutputTokens: 64},
    tools: [{functionDeclarations: [{name: 'weather', description: 'd', parameters: {type: 'OBJECT', properties: {city: {type: 'STRING'}}, required: ['city']}}]}],
    contents: [{role: 'user', parts: [{text: 'Weather in Rome?'}, {inlineData: {mimeType: 'image/png', data: PNG}}]},
      {role: 'model', parts: [{text: 'Looking.'}, {functionCall: {name: 'weather', args: {city: 'Rome'}}}]},
      {role: 'user', parts: [{functionResponse: {name: 'weather', response: {output: '22 C'}}}, {text: 'And Oslo?'}]}]},
};
const TEXT = 'Grüße, "Oslo": 5 °C\n🌧️';

// What the emulator read: roles, texts, calls and results. It tells a user's text before the results beside it, and an
// assistant's text and calls as one message or as two: the order within a turn is not compared.
const text = c => typeof c === 'string' ? c : (c ?? []).map(p => p.text ?? '').join('');
function understood(body) {
  const said = [];
  for (const m of body.messages) {
    let words = text(m.content).trim();
    if (m.role === 'tool' && words.startsWith('{')) words = JSON.parse(words).output;
    if (words) said.push([m.role, words]);
    for (const t of m.tool_calls ?? []) said.push(['call', t.function.name, JSON.parse(t.function.arguments)]);
  }
  return said.map(s => JSON.stringify(s)).sort();
}
const SAID = [['system', 'Be terse.'], ['user', 'Weather in Rome?'], ['assistant', 'Looking.'], ['call', 'weather', {city: 'Rome'}],
  ['tool', '22 C'], ['user', 'And Oslo?']].map(s => JSON.stringify(s)).sort();

async function requests() {
  const mock = new LLMock({port: 0, logLevel: 'silent', chunkSize: 5});
  mock.onMessage(/And Oslo/, {content: TEXT, toolCalls: [{name: 'weather', arguments: '{"city":"Oslo"}'}]});
  await mock.start();
  const headers = {'content-type': 'application/json', 'x-api-key': 'x', 'anthropic-version': '2023-06-01', authorization: 'Bearer x'};
  for (const from of FAMILIES)
    for (const to of FAMILIES)
      for (const plus of ['+', ''])
        await check(`request ${from} to ${to}${plus}`, async () => {
          const body = wire(['request', from, to + plus, 'm'], JSON.stringify(REQUESTS[from]));
          const path = wire(['path', to + plus, 'm']).toString();
          mock.clearRequests();
          const response = await fetch(mock.url + path, {method: 'POST', headers, body});
          const bytes = Buffer.from(await response.arrayBuffer());
          assert.equal(response.status, 200, `${bytes} for ${body}`);
          const read = mock.getLastRequest().body;
          assert.deepEqual(understood(read), SAID);
          assert.equal(read.tools[0].function.name, 'weather');
          const got = await ask[from](wire(['answer', to + plus, from + plus], bytes), plus === '+');
          assert.equal(got.text, TEXT);
          assert.deepEqual(got.tools, [['weather', {city: 'Oslo'}]]);
        });
  // The faults it injects are told apart.
  for (const to of FAMILIES)
    await check(`429 of ${to}`, async () => {
      mock.nextRequestError(429, {message: 'Rate limited', type: 'rate_limit_error'});
      const body = wire(['request', 'chat', to, 'm'], JSON.stringify(REQUESTS.chat));
      const response = await fetch(mock.url + wire(['path', to, 'm']), {method: 'POST', headers, body});
      const said = wire(['fault', to, String(response.status)], Buffer.from(await response.arrayBuffer())).toString();
      assert.equal(said.split(' ')[0], 'rate');
    });
  await mock.stop();
}

await answers();
await errors();
await requests();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || passed < 130 ? 1 : 0);
