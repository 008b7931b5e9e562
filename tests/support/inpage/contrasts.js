// The contrast (WCAG) of each pair of colours that stand on each other.
() => {
  const style = getComputedStyle(document.documentElement);
  const probe = document.body.appendChild(document.createElement("i"));
  const light = (name) => {
    probe.style.color = `var(${name})`;
    const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pairs = [["--ink", "--ground"], ["--ink", "--sunk"], ["--ink", "--mark"], ["--quiet", "--ground"], ["--quiet", "--raised"], ["--quiet", "--sunk"], ["--accent", "--ground"],
    ["--accent", "--accent-soft"], ["--on-accent", "--accent"], ["--bad", "--ground"], ["--bad", "--bad-soft"]];
  const found = {};
  for (const [ink, ground] of pairs) {
    const [low, high] = [light(ink), light(ground)].sort((a, b) => a - b);
    found[`${ink} on ${ground}`] = (high + 0.05) / (low + 0.05);
  }
  probe.remove();
  return found;
}
