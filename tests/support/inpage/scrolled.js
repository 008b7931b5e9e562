// Scrolls from end to end and notes, at each step, how long anything in sight was blank and how many nodes there are.
async () => {
  const scroller = document.querySelector(".scroller");
  const timeline = document.querySelector("pillion-timeline");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const blank = () => {
    const box = scroller.getBoundingClientRect();
    return [...timeline.querySelectorAll(".cell:not([hidden])")].filter((cell) => {
      const place = cell.getBoundingClientRect();
      return place.bottom > box.top && place.top < box.bottom && !cell.classList.contains("known");
    }).length;
  };
  let nodes = 0, worst = 0, looks = 0, seen = 0;
  const steps = 60;
  for (let step = 0; step <= steps; step++) {
    scroller.scrollTop = (scroller.scrollHeight * step) / steps;
    await frame();
    const began = performance.now();
    do {
      await frame();
      nodes = Math.max(nodes, timeline.querySelectorAll(".cell, .cell *").length);
    } while (blank() && performance.now() - began < 5000);
    worst = Math.max(worst, performance.now() - began);
    looks++;
    seen += timeline.querySelectorAll(".cell.known:not([hidden])").length;
  }
  return { nodes, worst, looks, seen, bottom: scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2 };
}
