// The form that names a phase.
import { say } from './state.js';
import { clock } from './words.js';

const WITHIN_MS = 5000;

const [form, name, token, button] = ['marking', 'mark-name', 'mark-token', '#marking button'].map((id) => document.getElementById(id) ?? document.querySelector(id));

export function marking(run) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    // Whoever is impatient would put several.
    if (button.disabled) return;
    button.disabled = true;
    say('');
    try {
      await put(name.value.trim() || `mark ${run.marks.length + 1}`);
    } catch (error) {
      say(error.name === 'TimeoutError' ? `The target has not answered within ${WITHIN_MS / 1000} s: whether the mark was put, its line will say.` : 'No mark was put: the target does not answer.');
    } finally {
      button.disabled = false;
    }
  });
  form.addEventListener('input', () => say(''));
  document.addEventListener('keydown', (event) => {
    const writes = event.target.matches('input:not([type=radio], [type=checkbox])');
    if (event.key === 'm' && !event.ctrlKey && !event.metaKey && !event.altKey && !writes) {
      event.preventDefault();
      name.focus();
    }
  });
}

async function put(phase) {
  const headers = { 'Content-Type': 'application/json' };
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  const answer = await fetch('marks', { method: 'POST', headers, body: JSON.stringify({ phase }), signal: AbortSignal.timeout(WITHIN_MS) });
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) {
    name.value = '';
    token.hidden = true;
    say(`${phase} begins at ${clock(told.elapsed_s, 1)}.`, true);
    return;
  }
  const wantsToken = answer.status === 401 || answer.status === 403;
  if (wantsToken) {
    token.hidden = false;
    token.focus();
  }
  say(answer.status === 401 ? 'No mark was put: this target wants its admin token.' : `No mark was put: ${told.error ?? `status ${answer.status}`}`);
}
