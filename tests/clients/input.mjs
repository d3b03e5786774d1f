// What a client is asked to do: JSON in the first argument, or on standard input when that is missing or "-".
// And what it answers: one line of JSON for each item, then one that tells how it ended.
export async function input() {
  let text = process.argv[2];
  if (text === undefined || text === '-') {
    text = '';
    for await (const chunk of process.stdin) text += chunk;
  }
  return JSON.parse(text);
}

export function print(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

export function finish(line) {
  process.stdout.write(JSON.stringify(line) + '\n', () => process.exit(0));
}
