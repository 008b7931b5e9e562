// The work view: what runs and how long it still takes, what failed and why, and what holds work back.

import * as api from "./api.js";
import { complain, count, h, nameOf, plural, send, small, span, toast, words } from "./words.js";

const LOOK_MS = 2000;
const AGAIN_MS = 10_000; // also without an event, since a folder that goes offline is none
const SHOWN = 8;
const OF_A_CLASS = 100;
const KINDS = { "*": "Everything", thumb: "Thumbnails", ocr: "Text of pictures and PDFs", transcript: "Transcripts", text: "Text of documents", embeddings: "Meaning", thumbstrip: "Frames of films", proxy: "Films for browsers" };
const CLASSES = {
	corrupt: "Damaged files", unsupported: "Not supported", too_large: "Too large", timeout: "Took too long", oom: "Needed too much memory", crash: "Ended their worker",
	missing_tool: "A tool or model is missing", missing_source: "The file was gone", changed_source: "The file changed meanwhile", io_transient: "The disk or network failed", disk_full: "The disk is full",
};
const kindName = (kind) => KINDS[kind ?? "*"] ?? kind;

/** Text with the commands in it, which stand in quotes, as code. */
const withCommands = (text) => text.split(/('(?:pillion|pip|apt-get|sudo|python)[^']*')/).map((part) => (part.startsWith("'") && part.length > 2 ? h("code", part.slice(1, -1)) : part));

class Work extends HTMLElement {
	#active = false;
	#timer = 0;
	#asked = null;
	#progress = null;
	#names = new Map();
	#open = new Set();

	connectedCallback() {
		if (this.inner) return;
		this.inner = h("div.inner.work", h("h1.unseen", "Work"));
		this.now = h("section.card", { "aria-label": "Now" });
		this.held = h("section.card", { "aria-label": "What holds work back", hidden: true });
		this.kinds = h("section.card", { "aria-label": "By kind" });
		this.running = h("section.card", { "aria-label": "Running", hidden: true });
		this.failed = h("section.card", { "aria-label": "Failures" });
		this.inner.append(this.now, this.held, this.running, this.kinds, this.failed);
		this.append(this.inner);
		for (const name of ["queued", "started", "ready", "failed", "paused", "resumed"]) api.on(name, () => this.#soon());
		setInterval(() => this.#soon(), AGAIN_MS);
		api.on("progress", (detail) => {
			this.#progress = { ...detail, heard: Date.now() };
			this.#soon();
		});
	}

	set active(yes) {
		if (yes === this.#active) return;
		this.#active = yes;
		clearTimeout(this.#timer);
		this.#timer = 0;
		if (yes) this.#look();
		else this.#asked?.abort();
	}

	/** Look again, every two seconds at most. */
	#soon() {
		if (!this.#active || this.#timer) return;
		this.#timer = setTimeout(() => {
			this.#timer = 0;
			if (this.#active) this.#look();
		}, LOOK_MS);
	}

	async #look() {
		this.#asked?.abort();
		const { signal } = (this.#asked = new AbortController());
		try {
			const [status, health, jobs] = await Promise.all([api.status(signal), api.health(), api.jobs({ state: "running", limit: SHOWN }, signal)]);
			if (signal.aborted) return;
			this.#showNow(status, health);
			this.#showHeld(status, health);
			this.#showKinds(status);
			await this.#showRunning(jobs.jobs, signal);
			await this.#showFailures(status, signal);
		} catch (error) {
			if (error.name !== "AbortError") this.now.replaceChildren(h("p", error.message));
		}
	}

	// what there is --------

	#showNow(status, health) {
		const left = sum(Object.values(status.jobs), ["queued", "running", "waiting", "paused"]);
		const made = sum(Object.values(status.sidecars), ["ready", "empty", "unsupported", "failed"]);
		const wanted = made + sum(Object.values(status.sidecars), ["pending"]);
		const paused = status.paused.some((one) => one.kind === null && one.location === null);
		const fresh = this.#progress && Date.now() - this.#progress.heard < 15000 ? this.#progress : null;
		const idle = health.workers?.state === "off" ? "This server only answers: run 'pillion work', or serve without --no-work." : health.workers?.state === "failing" ? "The workers ended, and are started again." : null;
		const rest = fresh?.seconds_left ? `, ${span(fresh.seconds_left)}` : "";
		const text = left ? `${plural(left, "job")} left${rest}` : "Everything is made.";
		const bar = h("div.progress", { role: "progressbar", "aria-label": "Made", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": wanted ? Math.floor((100 * made) / wanted) : 100 }, h("i"));
		bar.firstChild.style.width = `${wanted ? (100 * made) / wanted : 100}%`;
		const change = words(paused ? "Go on" : "Pause", () => this.#do(paused ? api.resume() : api.pause(), paused ? "Work goes on." : "Work is paused."), { iconName: paused ? "play" : "pause" });
		this.#keep(this.now, [
			h("div.headline", h("p.large", paused && left ? `Paused: ${text}` : text), left || paused ? change : null),
			bar,
			h("p.quiet", `${plural(status.files, "file")}, ${plural(made, "result")} of ${count(wanted)}.`),
			idle && left ? h("p.warning", ...withCommands(idle)) : null,
		]);
	}

	#showHeld(status, health) {
		const rows = [
			...Object.entries(health.notices ?? {}).map(([kind, text]) => [kindName(kind), text]),
			...status.held.filter((one) => !(health.notices ?? {})[one.kind ?? "*"]).map((one) => [kindName(one.kind), one.notice]),
			...status.quiet.map((one) => [kindName(one.kind), one.reason]),
			...status.offline.map((one) => [one.path, one.why ? `Offline: ${one.why}` : "Offline"]),
		];
		this.held.hidden = !rows.length;
		this.#keep(this.held, [h("h2", "Waiting"), h("ul.rows", rows.map(([name, text]) => h("li", h("strong", name), h("span", ...withCommands(text)))))]);
	}

	#showKinds(status) {
		const rows = [...new Set([...Object.keys(status.sidecars), ...Object.keys(status.jobs)])].sort().map((kind) => {
			const made = status.sidecars[kind] ?? {};
			const jobs = status.jobs[kind] ?? {};
			const left = sum([jobs], ["queued", "running", "waiting", "paused"]);
			const paused = status.paused.some((one) => one.kind === kind && one.location === null);
			const time = this.#progress?.kinds?.[kind]?.seconds_left;
			const change = small(paused ? "Go on" : "Pause", () => this.#do(paused ? api.resume({ kind }) : api.pause({ kind }), paused ? "It goes on." : "It is paused."), { label: `${paused ? "Go on with" : "Pause"} ${kindName(kind)}` });
			return h("tr", h("th", { scope: "row", text: kindName(kind) }), h("td", count(made.ready ?? 0)), h("td", left ? count(left) : "–"), h("td.wide", left && time ? span(time) : paused ? "paused" : ""), h("td", made.failed ? count(made.failed) : "–"), h("td", left || paused ? change : null));
		});
		const head = ["Kind", "Made", "Left", "", "Failed", ""].map((text, at) => h(`th${at === 3 ? ".wide" : ""}`, { scope: "col", text }));
		this.#keep(this.kinds, [h("h2", "By kind"), h("table", h("thead", h("tr", head)), h("tbody", rows))]);
	}

	async #showRunning(jobs, signal) {
		for (const job of jobs) {
			if (this.#names.has(job.content_uuid)) continue;
			const item = await api.item(job.content_uuid, signal).catch(() => null);
			this.#names.set(job.content_uuid, item?.name ?? job.content_uuid);
		}
		if (signal.aborted) return;
		this.running.hidden = !jobs.length;
		this.#keep(this.running, [h("h2", "Running"), h("ul.rows", jobs.map((job) => h("li", this.#link(job.content_uuid, this.#names.get(job.content_uuid)), h("span.quiet", kindName(job.kind)))))]);
	}

	async #showFailures(status, signal) {
		const classes = new Map();
		for (const { error_class: name, sidecars } of status.failures) classes.set(name, (classes.get(name) ?? 0) + sidecars);
		const groups = [];
		for (const [name, number] of classes) {
			const list = h("ul.rows");
			const again = small("Try all again", () => this.#do(api.retry({ error_class: name }), "They are tried again."), { iconName: "again" });
			const group = h("details.failures", h("summary", h("strong", CLASSES[name] ?? name), h("span.badge", count(number))), h("div.headline", h("span"), again), list);
			group.dataset.name = name;
			if (this.#open.has(name)) {
				group.open = true;
				await this.#fill(list, name, signal);
			}
			group.addEventListener("toggle", () => {
				this.#open[group.open ? "add" : "delete"](name);
				if (group.open && !list.children.length) this.#fill(list, name, this.#asked.signal).catch(() => {});
			});
			groups.push(group);
		}
		if (signal.aborted) return;
		this.#keep(this.failed, [h("h2", "Failures"), ...(groups.length ? groups : [h("p.quiet", "Nothing failed.")])]);
	}

	async #fill(list, name, signal) {
		const { failures } = await api.failures({ error_class: name, limit: OF_A_CLASS }, signal);
		// The variants of one kind are one job, and fail together.
		const jobs = new Map(failures.map((one) => [one.content_uuid + one.kind, one]));
		list.replaceChildren(...[...jobs.values()].map((one) => {
			const path = one.sources[0];
			const again = small("Try again", () => this.#do(api.retry({ content_uuids: [one.content_uuid], kind: one.kind }), "It is tried again."), { label: `Try ${nameOf(path)} again` });
			return h("li", h("div", this.#link(one.content_uuid, path ? nameOf(path) : one.content_uuid), h("span.quiet", ` ${kindName(one.kind)}, ${plural(one.attempts, "try", "tries")}`), h("p.why", ...withCommands(one.message))), again);
		}));
	}

	#link(uuid, name) {
		return h("a", { href: `?view=work&item=${uuid}`, text: name, go: () => send(this, "open-item", { item: { content_uuid: uuid, name } }) });
	}

	// what is asked --------

	async #do(asked, done) {
		await asked.then(() => toast(done), complain);
		this.#look();
	}

	/** Put new children into a card; the button that has the focus keeps it. */
	#keep(card, children) {
		const focused = card.contains(document.activeElement) ? [...card.querySelectorAll("button, a, summary")].indexOf(document.activeElement) : -1;
		card.replaceChildren(...children.filter(Boolean));
		if (focused >= 0) card.querySelectorAll("button, a, summary")[focused]?.focus();
	}
}

const sum = (rows, names) => rows.reduce((total, row) => total + names.reduce((part, name) => part + (row[name] ?? 0), 0), 0);

customElements.define("pillion-work", Work);
