// A message that says itself who gets it: lines of the form `name: value`, an empty line, the text.

export type AddressedMessage = { readonly to: string; readonly replyTo: string; readonly text: string };

/** Undefined: it does not begin with `to:`. */
export function parseAddressed(message: string): AddressedMessage | undefined {
	if (!message.startsWith('to:')) {
		return undefined;
	}

	let to = '';
	let replyTo = '';
	let at = 0;

	while (at < message.length) {
		const end = message.indexOf('\n', at);
		const line = trim(message.slice(at, end < 0 ? message.length : end));

		at = end < 0 ? message.length : end + 1;
		if (line === '') {
			break;
		}

		const colon = line.indexOf(':');
		const [name, value] = colon < 0 ? [line, ''] : [trim(line.slice(0, colon)), trim(line.slice(colon + 1))];

		if (name === 'to') {
			to = value;
		} else if (name === 'reply-to') {
			replyTo = value;
		}
	}

	return { to, replyTo, text: message.slice(at) };
}

/** What stands between the commas; the last one may be followed by one. */
export function splitNames(names: string): string[] {
	const parts = names.split(',').map(trim);

	return parts.at(-1) === '' ? parts.slice(0, -1) : parts;
}

function trim(text: string): string {
	return text.replace(/^[ \r]+|[ \r]+$/g, '');
}
