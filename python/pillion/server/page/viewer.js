// One item, over the whole page: what it shows or plays, its text and transcript, and what is known of it.

import * as api from "./api.js";
import { sheetIndex, subtitles } from "./stored.js";
import { fit, plainWord, textLayer } from "./textlayer.js";
import { frame, look, show } from "./thumbhash.js";
import { CLASS_NAMES, button, bytes, classOf, clock, complain, date, endingOf, h, icon, send, small, toast, within, words } from "./words.js";

const SHOWN_BY_BROWSERS = /^image\/(jpeg|png|gif|webp|avif|bmp)$/;
const ZOOMS = [1, 1.5, 2.5, 4, 6];
const MOST_TEXT = 2_000_000;

class Viewer extends HTMLElement {
	#shown = null; // {item, place, hits}
	#asked = null;
	#sequence = null; // what it was opened from
	#opener = null;

	connectedCallback() {
		if (this.stage) return;
		this.setAttribute("role", "dialog");
		this.ariaModal = "true";
		this.hidden = true;
		this.name = h("h1.title", { tabindex: "-1" });
		this.stage = h("div.stage");
		this.side = h("aside.side", { "aria-label": "About this file" });
		this.previous = button("back", "Previous", () => this.step(-1), { class: "plain step before" });
		this.following = button("next", "Next", () => this.step(1), { class: "plain step after" });
		this.save = h("a.plain", { "aria-label": "Save the original", title: "Save the original" }, icon("down"));
		this.tools = h("div.tools", { role: "group", "aria-label": "Zoom" });
		this.about = button("info", "About this file (I)", () => this.#toggleSide(), { "aria-expanded": "true" });
		this.append(
			h("header.bar", button("back", "Close (Escape)", () => this.close()), this.name, this.tools, this.save, this.about),
			h("div.body", h("div.frame", this.stage, this.previous, this.following), this.side),
		);
		this.addEventListener("keydown", (event) => this.#key(event));
		this.#swipes();
		api.on("ready", (detail) => this.#renewed(detail));
		api.on("failed", (detail) => this.#renewed(detail));
		api.on("changed", ({ gone }) => {
			if (gone.includes(this.uuid)) toast("This file was removed.", { bad: true });
			if (this.#shown) this.#ends();
		});
	}

	get uuid() {
		return this.#shown?.item.content_uuid ?? null;
	}

	/**
	 * Show an item. `place`: where in it ({page} or {seconds: [from, to]}); `hits`: words to mark; `sequence`: what
	 * knows what is `beside` it.
	 */
	async open(item, { place = null, hits = [], sequence = null } = {}) {
		if (this.hidden) {
			this.#opener = document.activeElement;
			this.hidden = false;
			document.body.classList.add("viewing");
			if (innerWidth < 760) this.#toggleSide(false);
		}
		this.#sequence = sequence;
		this.#stop();
		const asked = (this.#asked = new AbortController());
		this.#shown = { item, place, hits: new Set(hits.flatMap((text) => text.split(/\s+/)).map(plainWord).filter(Boolean)) };
		this.name.textContent = item.name ?? "";
		document.title = `${item.name ?? ""} – Pillion`;
		this.ariaLabel = item.name ?? "Item";
		this.previous.hidden = this.following.hidden = true;
		this.#ends();
		this.save.href = `${api.originalURL(item.content_uuid)}?download=true`;
		this.stage.className = "stage";
		this.tools.replaceChildren();
		this.name.focus({ preventScroll: true });
		if (item.class) this.#begin(item);
		try {
			const whole = await api.item(item.content_uuid, asked.signal);
			if (asked.signal.aborted) return;
			this.#shown.item = whole;
			this.name.textContent = whole.name;
			if (!item.cursor) this.#ends();
			if (!item.class) this.#begin(whole);
			this.#facts(whole);
			await this.#texts(whole, asked.signal);
		} catch (error) {
			if (error.name === "AbortError") return;
			this.stage.replaceChildren(h("p.nothing", error.status === 404 ? "This file is not in the library any more." : error.message));
			this.side.replaceChildren();
		}
	}

	close() {
		if (this.hidden) return;
		send(this, "closed");
	}

	/** Hide it; the history is the caller's. */
	hide() {
		if (this.hidden) return;
		this.#stop();
		this.hidden = true;
		this.stage.replaceChildren();
		this.side.replaceChildren();
		this.#shown = null;
		document.body.classList.remove("viewing");
		const opener = this.#opener;
		if (opener?.isConnected) opener.focus({ preventScroll: true });
	}

	async step(by) {
		const asked = this.#asked;
		const item = await this.#beside(by).catch(() => null);
		if (item && !asked.signal.aborted) send(this, "stepped", { item });
	}

	/** What now stands before (-1) or after (1) the item that is shown, where it is known. */
	async #beside(by) {
		const item = this.#shown?.item;
		if (item?.cursor) return this.#sequence?.beside(item, by);
	}

	async #ends() {
		const asked = this.#asked;
		const [before, after] = await Promise.all([this.#beside(-1), this.#beside(1)]).catch(() => []);
		if (asked.signal.aborted) return;
		this.previous.hidden = !before;
		this.following.hidden = !after;
	}

	#stop() {
		this.#asked?.abort();
		this.observer?.disconnect();
		this.zoom = this.segments = null;
		for (const player of this.stage.querySelectorAll("video, audio")) {
			player.pause();
			player.removeAttribute("src");
			player.load();
		}
		if (this.blob) URL.revokeObjectURL(this.blob);
		this.blob = null;
	}

	/** On a phone a swipe to the left shows what follows. */
	#swipes() {
		let from;
		this.stage.addEventListener("touchstart", ({ touches, target }) => (from = !touches[1] && !this.zoom && !target.closest("video, audio") && touches[0]), { passive: true });
		this.stage.addEventListener("touchend", ({ changedTouches: [to] }) => {
			const x = to.clientX - from.clientX;
			if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(to.clientY - from.clientY) && getSelection().isCollapsed) this.step(-Math.sign(x));
		});
	}

	// what is shown --------

	#begin(item) {
		const kind = classOf(item);
		this.stage.classList.add(kind);
		this.side.replaceChildren(h("p.quiet", "…"));
		if (kind === "image") this.#picture(item);
		else if (kind === "video" || kind === "audio") this.#player(item, kind);
		else if (kind === "pdf") this.stage.replaceChildren((this.pages = h("div.pages", { tabindex: "0", "aria-label": "Pages" }, this.#sheet(item))));
		else this.stage.replaceChildren((this.text = h("div.reading", { tabindex: "0", "aria-label": "Text" }, h("p.quiet", "Reading …"))));
	}

	#picture(item) {
		const below = frame();
		const picture = h("img.photo", { alt: item.name, draggable: "false" });
		this.figure = h("div.figure", below, picture);
		this.holder = h("div.holder", { tabindex: "0", "aria-label": "Picture" }, this.figure);
		this.stage.replaceChildren(this.holder);
		picture.addEventListener("load", () => {
			this.ratio = picture.naturalWidth / picture.naturalHeight;
			this.figure.classList.add("there");
			this.#place();
		});
		picture.onerror = () => this.#noPicture(item, picture);
		this.zoom = 0;
		this.ratio = show(below, item.thumbhash)?.ratio ?? 1.5;
		this.observer = new ResizeObserver(() => this.#place());
		this.observer.observe(this.holder);
		this.#sharper();
		this.tools.replaceChildren(button("minus", "Smaller (−)", () => this.#zoomBy(-1)), button("plus", "Larger (+)", () => this.#zoomBy(1)));
		this.holder.addEventListener("dblclick", (event) => {
			if (!event.target.closest(".word")) this.#zoomBy(this.zoom ? -9 : 2, event);
		});
		this.holder.addEventListener("wheel", (event) => {
			if (!event.ctrlKey) return;
			event.preventDefault();
			this.#zoomBy(event.deltaY < 0 ? 1 : -1, event);
		}, { passive: false });
	}

	#noPicture(item, picture) {
		if (picture.dataset.tried || !picture.hasAttribute("src")) return;
		picture.dataset.tried = "1";
		const address = api.thumbURL(item, 4096);
		if (address && picture.getAttribute("src") !== address) picture.src = address;
		else {
			const why = this.#shown.item.sidecars?.find((one) => one.kind === "thumb" && one.error)?.error.message;
			picture.replaceWith(h("p.nothing", why ? `There is no picture of this file: ${why}` : "There is no picture of this file yet."));
		}
	}

	/** Take the picture that has enough pixels: a thumbnail, or the original where it alone has them. */
	#sharper() {
		const item = this.#shown.item;
		const picture = this.figure?.querySelector(".photo");
		if (!picture) return;
		const side = Math.max(this.stage.clientWidth, this.stage.clientHeight, 400) * ZOOMS[this.zoom] * Math.min(devicePixelRatio || 1, 3);
		const best = api.bestThumb(item.thumbs, side);
		const enough = best && (best === "detail@2x" || (best === "detail@1x" && side <= 1400) || this.zoom === 0 && best.startsWith("detail"));
		const original = SHOWN_BY_BROWSERS.test(item.mime) && (!enough || this.zoom > 1);
		const address = original ? api.originalURL(item.content_uuid) : api.thumbURL(item, side);
		if (address && picture.getAttribute("src") !== address) picture.src = address;
		else if (!address) picture.src = api.sidecarURL(item.content_uuid, "thumb", "detail@1x", "wait=10");
	}

	/** Fit the picture, and its text with it, into the stage. */
	#place() {
		if (!this.holder?.isConnected) return;
		const room = { width: this.holder.clientWidth, height: this.holder.clientHeight };
		let width = Math.min(room.width, room.height * this.ratio);
		width *= ZOOMS[this.zoom];
		this.figure.style.width = `${width}px`;
		this.figure.style.height = `${width / this.ratio}px`;
		if (this.layer) fit(this.layer, this.layer.page, width);
	}

	#zoomBy(by, event) {
		const old = ZOOMS[this.zoom];
		this.zoom = within(0, this.zoom + by, ZOOMS.length - 1);
		const factor = ZOOMS[this.zoom] / old;
		if (factor === 1) return;
		const box = this.holder.getBoundingClientRect();
		const x = event ? event.clientX - box.left : box.width / 2;
		const y = event ? event.clientY - box.top : box.height / 2;
		const left = (this.holder.scrollLeft + x) * factor - x;
		const top = (this.holder.scrollTop + y) * factor - y;
		this.#place();
		this.holder.scrollTo(left, top);
		this.#sharper();
	}

	/** The first page of a PDF, until its text says more. */
	#sheet(item) {
		const pixels = Math.min(this.stage.clientWidth, 1000) * Math.min(devicePixelRatio || 1, 2);
		return h("div.sheet", { "data-page": 1 }, ...look(item, pixels, "Page 1"));
	}

	#player(item, kind) {
		const poster = kind === "video" ? api.thumbURL(item, 1024) : null;
		const player = h(kind, { controls: true, preload: "metadata", src: api.originalURL(item.content_uuid), poster, playsinline: true, "aria-label": item.name });
		this.player = player;
		const start = this.#shown.place?.seconds?.[0];
		if (start) player.addEventListener("loadedmetadata", () => (player.currentTime = start), { once: true });
		player.onerror = () => this.#cannotPlay(item, player);
		player.ontimeupdate = () => this.#point(player.currentTime);
		const shell = h("div.player", player);
		if (kind === "audio") shell.prepend(h("div.cover", icon("audio")));
		this.strip = h("div.strip", { hidden: true, "aria-hidden": "true" });
		shell.append(this.strip);
		this.stage.replaceChildren(shell);
	}

	/** The browser does not know the original's coding: take a proxy that there is, or offer to make one. */
	#cannotPlay(item, player) {
		if (player.dataset.proxy || !player.hasAttribute("src")) return;
		const ready = (this.#shown?.item.sidecars ?? []).filter((one) => one.kind === "proxy" && one.state === "ready");
		const best = ready.find((one) => one.variant === "480p") ?? ready.at(-1);
		if (best) {
			player.dataset.proxy = best.variant;
			player.src = best.url;
			return;
		}
		if (!this.#shown?.item.sidecars) {
			this.waitsForFacts = () => this.#cannotPlay(item, player);
			return;
		}
		if (this.stage.querySelector(".sorry")) return;
		const sorry = h("div.sorry", h("p", "This browser cannot play the original."));
		const make = words("Make one that plays", async () => {
			make.disabled = true;
			make.textContent = "It is being made …";
			try {
				const address = api.sidecarURL(item.content_uuid, "proxy", "480p");
				const answer = await fetch(address, { headers: { Range: "bytes=0-0" } });
				if (answer.status === 202) return;
				if (!answer.ok) throw new api.Trouble(await api.sentence(answer), answer.status);
				player.dataset.proxy = "480p";
				player.src = address;
				sorry.remove();
			} catch (error) {
				complain(error);
				make.disabled = false;
				make.textContent = "Try again";
			}
		});
		if (classOf(item) === "video") sorry.append(make);
		this.stage.querySelector(".player").append(sorry);
	}

	// texts --------

	async #texts(item, signal) {
		this.waitsForFacts?.();
		this.waitsForFacts = null;
		const ready = (kind) => item.sidecars?.find((one) => one.kind === kind && one.state === "ready");
		const kind = classOf(item);
		if (kind === "image" && ready("ocr")) {
			const ocr = await api.sidecarJSON(ready("ocr"), signal);
			if (ocr && !signal.aborted) this.#overPicture(ocr, signal);
		} else if (kind === "pdf") {
			const ocr = ready("ocr") && (await api.sidecarJSON(ready("ocr"), signal));
			if (!signal.aborted) this.#pages(item, ocr, signal);
		} else if (kind === "video" || kind === "audio") {
			const transcript = ready("transcript") && (await api.sidecarJSON(ready("transcript"), signal));
			if (transcript && !signal.aborted) this.#transcript(transcript);
			else if (!signal.aborted) this.#noTranscript(item);
			if (kind === "video") await this.#previews(item, signal);
		} else if (kind === "document") await this.#document(item, ready("text"), signal);
	}

	#overPicture(ocr, signal) {
		const page = ocr.pages[0];
		if (!page || !this.figure) return;
		this.layer = textLayer(page, { hits: this.#shown.hits, signal });
		this.layer.page = page;
		this.figure.append(this.layer);
		this.#place();
		this.#sideText(ocr.pages.map((one) => one.text).join("\n\n"));
	}

	/** The pages of a PDF: the first as it looks, the others as their words at their places. */
	#pages(item, ocr, signal) {
		if (!ocr) {
			this.pages.append(h("p.quiet", "No text of this file is known yet."));
			return;
		}
		const sheets = ocr.pages.map((page) => {
			const first = page.number === 1;
			const sheet = first ? this.#sheet(item) : h("div.sheet.drawn");
			const pictured = sheet.querySelector("img:not(.hash)");
			sheet.dataset.page = page.number;
			sheet.style.aspectRatio = `${page.width} / ${page.height}`;
			sheet.append(h("span.number", { "aria-hidden": "true" }, page.number));
			sheet.fill = () => {
				const layer = textLayer(page, { hits: this.#shown.hits, visible: !pictured, signal });
				sheet.layer = layer;
				layer.page = page;
				sheet.append(layer);
				fit(layer, page, sheet.clientWidth);
			};
			sheet.drain = () => sheet.layer?.remove();
			return sheet;
		});
		this.pages.replaceChildren(...sheets);
		// A document may have thousands of pages: only those in sight have their words in the document.
		const sight = new IntersectionObserver((seen) => {
			for (const { target, isIntersecting } of seen) {
				if (isIntersecting && !target.layer?.isConnected) target.fill();
				else if (!isIntersecting && target.layer) target.drain();
			}
		}, { root: this.pages, rootMargin: "60%" });
		this.observer = new ResizeObserver(() => {
			for (const sheet of sheets) if (sheet.layer?.isConnected) fit(sheet.layer, sheet.layer.page, sheet.clientWidth);
		});
		for (const sheet of sheets) {
			sight.observe(sheet);
			this.observer.observe(sheet);
		}
		signal.addEventListener("abort", () => sight.disconnect());
		const wanted = sheets.find((sheet) => Number(sheet.dataset.page) === this.#shown.place?.page);
		if (wanted) wanted.scrollIntoView({ block: "start" });
		this.#sideText(ocr.pages.map((page) => page.text).join("\n\n"));
	}

	#transcript(transcript) {
		this.segments = [];
		const list = h("ol.transcript", { "aria-label": "Transcript" });
		for (const segment of transcript.segments) {
			const line = h("button.said", {}, h("span.place", clock(segment.start)), h("span", ...withHits(segment.text, this.#shown.hits)));
			line.onclick = () => this.#seek(segment.start);
			this.segments.push({ ...segment, line });
			list.append(h("li", line));
		}
		const section = h("section.spoken", h("h2", "Transcript"), list);
		this.side.querySelector(".spoken")?.remove();
		this.side.prepend(section);
		if (this.player?.localName === "video") {
			this.blob = URL.createObjectURL(new Blob([subtitles(transcript.segments)], { type: "text/vtt" }));
			const track = h("track", { kind: "subtitles", srclang: transcript.language || "und", label: "Transcript", src: this.blob, default: true });
			this.player.append(track);
			track.track.mode = "showing";
		}
		const start = this.#shown.place?.seconds?.[0];
		if (start !== undefined) this.#point(start);
	}

	#noTranscript(item) {
		const row = item.sidecars?.find((one) => one.kind === "transcript");
		const text = { empty: "Nobody speaks in it.", pending: "The transcript is still to be made.", failed: `There is no transcript: ${row?.error?.message ?? "it failed"}.` }[row?.state];
		if (text) this.side.prepend(h("section.spoken", h("h2", "Transcript"), h("p.quiet", { text })));
	}

	#seek(seconds) {
		if (!this.player) return;
		this.player.currentTime = seconds;
		this.player.play().catch(() => {}); // a browser that plays nothing yet still goes there
		this.#point(seconds);
	}

	/** Mark the sentence that is said at a time, and keep it in sight. */
	#point(seconds) {
		let now = null;
		for (const segment of this.segments ?? []) if (segment.start <= seconds + 0.05) now = segment;
		if (now === this.saying) return;
		this.saying?.line.removeAttribute("aria-current");
		this.saying = now;
		if (!now) return;
		now.line.ariaCurrent = "true";
		const list = now.line.closest(".transcript");
		const line = now.line.parentElement;
		if (line.offsetTop < list.scrollTop || line.offsetTop + line.offsetHeight > list.scrollTop + list.clientHeight) {
			list.scrollTop = line.offsetTop - list.clientHeight / 3;
		}
	}

	/** Frames along the film, where a sheet of them was made, for the mouse: the player's own controls do without it. */
	async #previews(item, signal) {
		const sheets = (item.sidecars ?? []).filter((one) => one.kind === "thumbstrip" && one.state === "ready");
		const sheet = sheets.find((one) => one.variant === "10x10") ?? sheets.at(-1);
		if (!sheet) return;
		const answer = await fetch(sheet.url, { signal });
		if (!answer.ok) return;
		const data = await answer.arrayBuffer();
		const index = sheetIndex(data);
		if (!index || signal.aborted) return;
		const picture = await createImageBitmap(new Blob([data], { type: "image/webp" }));
		const canvas = h("canvas.preview", { hidden: true });
		const time = h("span.place", { hidden: true });
		const row = h("canvas");
		const bar = h("div.seekbar", row);
		this.strip.replaceChildren(canvas, time, bar);
		this.strip.hidden = false;
		const tileAt = (seconds) => index.tiles.findLast((tile) => tile.start <= seconds) ?? index.tiles[0];
		const fill = () => {
			row.width = Math.max(1, bar.clientWidth);
			row.height = 44;
			const [, , wide, high] = index.tiles[0].xywh;
			const step = Math.max(1, Math.round((row.height * wide) / high));
			for (let x = 0; x < row.width; x += step) {
				row.getContext("2d").drawImage(picture, ...tileAt(((x + step / 2) / row.width) * index.duration).xywh, x, 0, step, row.height);
			}
		};
		new ResizeObserver(fill).observe(bar);
		const at = (event) => {
			const box = bar.getBoundingClientRect();
			return within(0, (event.clientX - box.left) / box.width, 1) * index.duration;
		};
		bar.addEventListener("pointermove", (event) => {
			const seconds = at(event);
			const { xywh } = tileAt(seconds);
			[, , canvas.width, canvas.height] = xywh;
			canvas.getContext("2d").drawImage(picture, ...xywh, 0, 0, canvas.width, canvas.height);
			time.textContent = clock(seconds);
			const x = within(90, (seconds / index.duration) * bar.clientWidth, bar.clientWidth - 90);
			canvas.style.left = time.style.left = `${x}px`;
			canvas.hidden = time.hidden = false;
		});
		bar.onpointerleave = () => (canvas.hidden = time.hidden = true);
		bar.onclick = (event) => this.#seek(at(event));
	}

	async #document(item, text, signal) {
		let parts = [];
		if (text) {
			const stored = await api.sidecarJSON(text, signal);
			parts = (stored?.parts ?? []).map((one) => ({ ...one, name: one.name || (one.number ? `${one.part[0].toUpperCase()}${one.part.slice(1)} ${one.number}` : "") }));
		} else if (/^(text\/|application\/(json|xml|toml|yaml|sql))/.test(item.mime)) {
			const answer = await fetch(api.originalURL(item.content_uuid), { signal, headers: { Range: `bytes=0-${MOST_TEXT - 1}` } });
			if (answer.ok) parts = [{ name: "", text: new TextDecoder().decode(await answer.arrayBuffer()) }];
		}
		if (signal.aborted || !this.text) return;
		if (!parts.length) {
			const picture = api.thumbURL(item, 1024);
			this.text.replaceChildren(picture ? h("img", { src: picture, alt: item.name }) : h("div.cover", { "data-ending": endingOf(item.name) || "FILE" }), h("p.quiet", "No text of this file is known."));
			return;
		}
		const hits = this.#shown.hits;
		this.text.replaceChildren(
			...parts.map(({ name, text }) => h("section", name ? h("h2", name) : null, h("p.plaintext", ...withHits(text, hits)))),
		);
		this.text.querySelector("mark")?.scrollIntoView({ block: "center" });
	}

	// what is known --------

	#facts(item) {
		const media = item.facts ?? {};
		const camera = [media.make, media.model].filter(Boolean).join(" ");
		const place = [media.latitude, media.longitude];
		const rows = [
			["Date", date(item.at)],
			["Kind", `${CLASS_NAMES[classOf(item)]} (${item.mime})`],
			["Size", bytes(item.bytes)],
			["Pixels", media.width && media.height ? `${media.width} × ${media.height}` : null],
			["Length", media.duration ? clock(media.duration) : null],
			["Camera", camera],
			["Lens", media.lens],
			["Exposure", exposure(media)],
			["Place", place.every(Number.isFinite) && place.map((degrees) => degrees.toFixed(5)).join(", ")],
		].filter(([, value]) => value);
		const files = item.files ?? [];
		const sections = [
			h("section", h("h2", "Facts"), h("dl", rows.flatMap(([name, value]) => [h("dt", name), h("dd", value)]))),
			h(
				"section",
				{},
				h("h2", files.length > 1 ? `Files (${files.length} copies)` : "File"),
				h("ul.paths", files.map((file) => h("li", h("code", file.path), file.offline ? h("span.badge", "offline") : null))),
			),
			this.#similar(item),
			this.#sidecars(item),
		];
		const spoken = this.side.querySelector(".spoken");
		this.side.replaceChildren(...[spoken, ...sections].filter(Boolean));
	}

	#sideText(text) {
		if (!text.trim()) return;
		const copy = small("Copy", () => navigator.clipboard?.writeText(text).then(() => toast("Copied."), () => complain({ message: "The browser does not let the page copy." })));
		const section = h("section.written", h("h2", "Text ", copy), h("p.plaintext.short", { tabindex: "0" }, ...withHits(text.slice(0, 20000), this.#shown.hits)));
		this.side.prepend(section);
	}

	#similar(item) {
		const grid = h("div.similar", { hidden: true });
		const show = async () => {
			const { hits, notes } = await api.similar(item.content_uuid, this.#asked.signal);
			ask.hidden = true;
			grid.hidden = false;
			grid.replaceChildren(...hits.map((hit) => {
				const go = () => send(this, "open-item", { item: hit, sequence: null });
				const link = h("a.tile", { href: `?item=${hit.content_uuid}`, title: hit.name, "aria-label": hit.name, go }, ...look(hit, 200));
				if (link.childElementCount === 1 && !hit.thumbhash) link.dataset.ending = endingOf(hit.name) || "FILE";
				return link;
			}));
			if (!hits.length) grid.append(h("p.quiet", notes?.[0] ?? "Nothing is like it."));
		};
		const ask = words("Show what is like it", () => show().catch(complain), { iconName: "similar" });
		return h("section", h("h2", "Similar"), ask, grid);
	}

	#sidecars(item) {
		const rows = (item.sidecars ?? []).map((one) => {
			const name = `${one.kind} ${one.variant}`;
			const retry = () => api.retry({ content_uuids: [item.content_uuid], kind: one.kind }).then(() => toast("It is tried again."), complain);
			const again = ["failed", "cancelled"].includes(one.state) && small("Try again", retry);
			const what = one.state === "ready" ? h("a", { href: one.url, text: name, target: "_blank", rel: "noopener" }) : h("span", name);
			const why = one.error?.message ? h("p.quiet", one.error.message) : null;
			return h("li", what, h(`span.state.${one.state}`, one.state === "ready" ? bytes(one.bytes) : one.state), again, why);
		});
		if (!rows.length) return null;
		return h("section", h("h2", "Made from it"), h("ul.made", rows));
	}

	#renewed(event) {
		if (!this.#shown || event.content_uuid !== this.#shown.item.content_uuid || this.renewal) return;
		const asked = this.#asked;
		this.renewal = setTimeout(async () => {
			this.renewal = 0;
			const fresh = await api.item(event.content_uuid, asked.signal).catch(() => null);
			if (!fresh || asked.signal.aborted) return;
			this.#shown.item = fresh;
			this.#facts(fresh);
			const player = this.player;
			if (event.kind === "proxy" && player?.isConnected && player.error) {
				this.stage.querySelector(".sorry")?.remove();
				this.#cannotPlay(fresh, player);
			} else if (event.kind === "thumb" && this.figure?.isConnected) this.#sharper();
			if (["ocr", "transcript"].includes(event.kind)) {
				this.side.querySelector(".written")?.remove();
				this.layer?.remove();
				await this.#texts(fresh, asked.signal).catch(() => {});
			}
		}, 300);
	}

	// hands --------

	#toggleSide(open = this.classList.contains("closed")) {
		this.classList.toggle("closed", !open);
		this.about.ariaExpanded = String(open);
	}

	#key(event) {
		if (event.altKey || event.metaKey || (event.ctrlKey && event.key !== "Home")) return;
		const target = event.target;
		const busy = target.matches("input, textarea, video, audio, [role=slider]");
		if (event.key === "Escape") this.close();
		else if (busy) return;
		else if (event.key === "ArrowLeft") this.step(-1);
		else if (event.key === "ArrowRight") this.step(1);
		else if (event.key === "i") this.#toggleSide();
		else if (event.key === "+" || event.key === "=") this.zoom !== null && this.#zoomBy(1);
		else if (event.key === "-") this.zoom !== null && this.#zoomBy(-1);
		else if (event.key === "0") this.zoom !== null && this.#zoomBy(-9);
		else if (event.key === " " && this.player?.isConnected && !target.matches("button, a")) this.player.paused ? this.player.play().catch(() => {}) : this.player.pause();
		else return;
		event.preventDefault();
		event.stopPropagation();
	}
}

/** How a photograph was taken, as cameras show it: 1/250 s, f/2.8, ISO 200, 35 mm. */
function exposure({ exposure: seconds, aperture, iso, focal_length: length }) {
	const time = seconds && (seconds >= 0.4 ? `${seconds} s` : `1/${Math.round(1 / seconds)} s`);
	return [time, aperture && `f/${aperture}`, iso && `ISO ${iso}`, length && `${Math.round(length)} mm`].filter(Boolean).join(", ");
}

/** Text with the words of a search marked. */
function withHits(text, hits) {
	if (!hits.size) return [text];
	const parts = [];
	let run = "";
	for (const word of text.split(/(\s+)/)) {
		if (hits.has(plainWord(word))) {
			parts.push(run, h("mark", word));
			run = "";
		} else run += word;
	}
	return [...parts, run];
}

customElements.define("pillion-viewer", Viewer);

