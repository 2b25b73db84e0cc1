// Judges what an ACP agent sends by the schema that ships with the protocol's own library: each message by the type that
// its method has, and members that the type does not have (the protocol forbids them).
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const modules = process.env.PAIRED_TEST_MODULES;
const require = createRequire(path.join(modules, 'x.js'));
const Ajv = require('ajv/dist/2020').default;
const schema = JSON.parse(fs.readFileSync(path.join(modules, '@agentclientprotocol/sdk/schema/v1/schema.json'), 'utf8'));
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false });
ajv.addSchema({ ...schema, $id: 'acp' });

// Types by side, method and ending: "agent session/new Response".
const types = {};
for (const [name, type] of Object.entries(schema.$defs))
  if (type['x-method']) types[`${type['x-side']} ${type['x-method']} ${/(Request|Response|Notification)$/.exec(name)[1]}`] = name;

const resolve = s => (s && s.$ref ? schema.$defs[s.$ref.split('/').pop()] : s);

// Every name that the type, or a type it is made of, gives to a member; null: any.
function members(type, found = new Map(), depth = 0) {
  const s = resolve(type);
  if (!s || depth > 12) return found;
  for (const part of ['allOf', 'anyOf', 'oneOf']) for (const one of s[part] ?? []) members(one, found, depth + 1);
  for (const [name, value] of Object.entries(s.properties ?? {})) found.set(name, [...(found.get(name) ?? []), value]);
  return found;
}

const elements = type => {
  const s = resolve(type);
  if (!s) return [];
  return [...(s.items ? [s.items] : []), ...['allOf', 'anyOf', 'oneOf'].flatMap(part => (s[part] ?? []).flatMap(elements))];
};

function strangers(value, candidates, at, found) {
  if (Array.isArray(value)) {
    const inner = candidates.flatMap(elements);
    value.forEach((one, i) => strangers(one, inner, `${at}[${i}]`, found));
  } else if (value && typeof value === 'object') {
    const known = new Map();
    for (const type of candidates) members(type, known);
    if (known.size)
      for (const [name, inner] of Object.entries(value)) {
        if (name === '_meta' || name === 'rawInput' || name === 'rawOutput') continue;
        if (!known.has(name)) found.push(`${at}.${name}`);
        else strangers(inner, known.get(name), `${at}.${name}`, found);
      }
  }
  return found;
}

function judge(name, value) {
  const check = ajv.getSchema(`acp#/$defs/${name}`);
  if (!check(value)) return `${name}: ${ajv.errorsText(check.errors)}`;
  const odd = strangers(value, [{ $ref: `#/$defs/${name}` }], name, []);
  return odd.length ? `not in the schema: ${odd.join(', ')}` : null;
}

// One message of the agent; asked: methods of the requests that it was sent, by id. null: as it should be.
export function fault(message, asked) {
  if (message.jsonrpc !== '2.0') return 'jsonrpc is not "2.0"';
  const extra = Object.keys(message).filter(k => !['jsonrpc', 'id', 'method', 'params', 'result', 'error'].includes(k));
  if (extra.length) return `members ${extra}`;
  if (message.method) {
    const kind = 'id' in message ? 'Request' : 'Notification';
    const name = types[`client ${message.method} ${kind}`] ?? types[`protocol ${message.method} ${kind}`];
    return name ? judge(name, message.params) : `unknown ${kind} ${message.method}`;
  }
  if ('error' in message) return judge('Error', message.error);
  const name = types[`agent ${asked.get(JSON.stringify(message.id))} Response`];
  return name ? judge(name, message.result) : `an answer to nothing: ${JSON.stringify(message.id)}`;
}
