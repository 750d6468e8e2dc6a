import { useState } from "preact/hooks";
import { api } from "../api";
import { Logo } from "../ui/shell";

export function Login() {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError("");
    try {
      await api.login(String(form.get("login")), String(form.get("password")));
    } catch (e) {
      setError((e as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="login" id="main">
      <form onSubmit={submit}>
        <h1>
          <Logo /> callmesh
        </h1>
        <label>
          Login
          <input name="login" autocomplete="username" required autofocus maxLength={64} />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required maxLength={256} />
        </label>
        {error ? <p class="login-error" role="alert">{error}</p> : null}
        <button type="submit" class="button primary" disabled={busy}>{busy ? "Logging in…" : "Log in"}</button>
      </form>
    </main>
  );
}
