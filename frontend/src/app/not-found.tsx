export default function NotFound() {
  return (
    <main className="front">
      <section className="card">
        <h1>There is nothing here.</h1>
        {/* A full page load, not client-side navigation: this page is served without the state of the other. */}
        <p>
          <a href="/">Back to talking</a>
        </p>
      </section>
    </main>
  );
}
