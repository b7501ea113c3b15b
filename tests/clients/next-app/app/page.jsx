export default function Page() {
  return <p>Meggy is behind this site.</p>;
}
