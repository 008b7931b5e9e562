// Sidecars in the forms that a browser takes: subtitles of a transcript, the index in a sheet of frames.

/** Transcript segments -> WebVTT. */
export function subtitles(segments) {
	const stamp = (seconds) => {
		const ms = Math.round(seconds * 1000);
		return String(Math.floor(ms / 3600000)).padStart(2, "0") + new Date(ms).toISOString().slice(13, 23);
	};
	const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replace(/\s*\n\s*/g, "\n").trim();
	const cues = segments.map((one) => `${stamp(one.start)} --> ${stamp(Math.max(one.end, one.start + 0.3))}\n${safe(one.text)}`);
	return ["WEBVTT", ...cues].join("\n\n") + "\n";
}

/** The index that a sheet of frames (WebP) carries in its XMP packet; null without one. */
export function sheetIndex(buffer) {
	const view = new DataView(buffer);
	for (let at = 12; at + 8 <= view.byteLength; ) {
		const name = String.fromCharCode(...new Uint8Array(buffer, at, 4));
		const size = view.getUint32(at + 4, true);
		if (name === "XMP " && at + 8 + size <= view.byteLength) {
			const packet = new TextDecoder().decode(new Uint8Array(buffer, at + 8, size));
			const json = packet.slice(packet.indexOf("{"), packet.lastIndexOf("}") + 1);
			try {
				const index = JSON.parse(json.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"));
				return Array.isArray(index.tiles) && index.tiles.length ? index : null;
			} catch {
				return null;
			}
		}
		at += 8 + size + (size & 1);
	}
	return null;
}
