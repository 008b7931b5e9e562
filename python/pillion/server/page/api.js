// All that the page asks of the server: /api/v1, with the session's cookie. Answers are data, never markup.

const BASE = "/api/v1";

/** What went wrong, in one sentence. `status`: the HTTP status, 0 where the server was not reached. */
export class Trouble extends Error {
	constructor(message, status = 0) {
		super(message);
		this.status = status;
	}
}

const bus = new EventTarget();
/** Hear of "login" (a token is needed), "online", "offline", and of the library's own events, by their names. */
export const on = (name, hear) => bus.addEventListener(name, ({ detail }) => hear(detail));
const tell = (name, detail) => bus.dispatchEvent(new CustomEvent(name, { detail }));

async function ask(path, { method = "GET", query = {}, body, signal, quiet = false } = {}) {
	const parameters = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) {
		if (value != null && value !== "") parameters.append(name, value);
	}
	const text = parameters.toString();
	let answer;
	try {
		answer = await fetch(BASE + path + (text ? "?" + text : ""), {
			method,
			signal,
			headers: body === undefined ? {} : { "Content-Type": "application/json" },
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch (error) {
		if (error.name === "AbortError") throw error;
		tell("offline");
		throw new Trouble("The server cannot be reached.");
	}
	if (answer.ok) return answer.status === 204 ? null : answer.json();
	if (answer.status === 401 && !quiet) tell("login");
	throw new Trouble(await sentence(answer), answer.status);
}

/** What an answer that is an error says, in one sentence. */
export async function sentence(answer) {
	try {
		const problem = await answer.json();
		if (problem.detail) return problem.detail;
	} catch {
		// not a problem+json: something between us and the server answered
	}
	return `The server answered ${answer.status} ${answer.statusText}.`;
}

const segment = encodeURIComponent;

/** The months, newest first: {sections: [{year, month, count, cursor}], place: how many items stand before the cursor `at`}. */
export async function months(filter, at) {
	const answer = await ask("/timeline", { query: { ...filter, cursor: at } });
	const sections = answer.months.map(({ month, items: count, cursor }) => ({ year: +month.slice(0, -3), month: +month.slice(-2), count, cursor }));
	return { sections, place: answer.place };
}

/** A page of items: {items, next}; of an item, `at` is its date in ms since 1970. */
export async function items(query, signal) {
	const answer = await ask("/items", { query, signal });
	return { items: answer.items.map(dated), next: answer.next };
}

const dated = (item) => ({ name: "Without a name", ...item, at: item.date ? Date.parse(item.date) : null });

/** One item with its files and sidecars; with its transcript; what is written in it is asked for by itself. */
export const item = async (uuid, signal) => dated(await ask(`/items/${segment(uuid)}`, { query: { include: "transcript" }, signal }));
/** Hits of a search: {hits, notes}; a hit is an item with `path`, `passages` and `why`. */
export const search = async (query, signal) => found(await ask("/search", { query, signal }));
export const similar = async (uuid, signal) => found(await ask(`/items/${segment(uuid)}/similar`, { query: { limit: 12 }, signal }));

const found = ({ hits, notes }) => ({
	notes,
	hits: hits.filter((hit) => hit.item).map(({ item: thing, ...hit }) => ({ ...dated(thing), ...hit })),
});
export const status = (signal) => ask("/status", { signal });
export const jobs = (query, signal) => ask("/jobs", { query, signal });
export const failures = (query, signal) => ask("/failures", { query, signal });
export const retry = (body) => ask("/retry", { method: "POST", body });
export const pause = (body = {}) => ask("/pause", { method: "POST", body });
export const resume = (body = {}) => ask("/resume", { method: "POST", body });
export const health = () => ask("/health", { quiet: true });
/** Whether we are let in: told on the bus where not. */
export const enter = () => ask("/items", { query: { limit: 1 } });
/** Exchange a token for a cookie that no script can read: neither a picture nor an event source can send a header. */
export const logIn = (token) => ask("/session", { method: "POST", body: { token }, quiet: true });

export const sidecarURL = (uuid, kind, variant, query = "") =>
	`${BASE}/sidecars/${segment(uuid)}/${segment(kind)}/${segment(variant)}${query && "?" + query}`;
export const originalURL = (uuid) => `${BASE}/originals/${segment(uuid)}`;

/** The JSON of a sidecar of an item; null where it is not there any more. */
export async function sidecarJSON(row, signal) {
	const answer = await fetch(row.url, { signal });
	return answer.status === 200 ? answer.json() : null;
}

// thumbnails --------

const SIZES = { icon: 128, "grid@1x": 256, "grid@2x": 512, "grid@3x": 768, "detail@1x": 1024, "detail@2x": 2048 };

/** The ready thumbnail that fits `pixels` best: the smallest that is large enough, else the largest. */
export function bestThumb(thumbs, pixels) {
	const ready = Object.keys(SIZES).filter((variant) => thumbs && variant in thumbs);
	return ready.find((variant) => SIZES[variant] >= pixels) ?? ready.at(-1) ?? null;
}

/** Its address, which names the checksum, so that the browser may keep it for good; null where none is ready. */
export function thumbURL(thing, pixels) {
	const variant = bestThumb(thing.thumbs, pixels);
	if (!variant) return null;
	const checksum = thing.thumbs[variant];
	return sidecarURL(thing.content_uuid, "thumb", variant, checksum ? "sum=" + segment(checksum) : "");
}

// events --------

const EVENTS = ["queued", "started", "ready", "failed", "paused", "resumed", "progress", "changed"];
const AGAIN_MS = 4000;
let source = null;
let later = 0;

/** Follow the library's events: each is told on the bus by its name. A lost connection is made again. */
export function follow() {
	unfollow();
	source = new EventSource(`${BASE}/events`);
	source.onopen = () => {
		clearTimeout(later);
		tell("online");
	};
	// A browser connects again by itself after a lost connection, and never after an answer that is an error.
	source.onerror = () => {
		clearTimeout(later);
		later = setTimeout(async () => {
			if (source?.readyState === EventSource.OPEN) return;
			const reached = await health().catch((error) => error.status > 0);
			if (reached) follow();
			else source.onerror();
		}, AGAIN_MS);
	};
	const heard = ({ data }) => {
		try {
			const event = JSON.parse(data);
			tell(event.event, event);
		} catch {
			// a line that is no event of ours
		}
	};
	source.onmessage = heard;
	for (const name of EVENTS) source.addEventListener(name, heard);
}

export function unfollow() {
	clearTimeout(later);
	source?.close();
	source = null;
}
