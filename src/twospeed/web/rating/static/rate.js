const at = name => document.getElementById(name);
const aspects = ["quality", "coherence", "adherence"];
let clip = null;

async function next() {
  const answer = await fetch(`/next?rater=${encodeURIComponent(at("rater").value)}`);
  if (!answer.ok) { at("status").textContent = await answer.text(); return; }
  const found = await answer.json();
  clip = found.clip;
  at("task").hidden = clip === null;
  at("status").textContent = clip === null ? "All clips are rated. Thank you." : `${found.left} left`;
  if (clip === null) return;
  at("clip").src = `/clip/${clip}`;
  at("actions").textContent = `Commands: ${found.actions.join(", ")}`;
  for (const name of aspects) at(name).value = 0.5;
}

at("who").addEventListener("submit", event => {
  event.preventDefault();
  at("who").hidden = true;
  next();
});

at("answer").addEventListener("submit", async event => {
  event.preventDefault();
  const values = Object.fromEntries(aspects.map(name => [name, Number(at(name).value)]));
  const answer = await fetch("/answer", {
    method: "POST", body: JSON.stringify({ rater: at("rater").value, clip, values }),
  });
  if (answer.ok) next();
  else at("status").textContent = await answer.text();
});
