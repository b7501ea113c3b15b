// The usual way to put a backend behind a Next.js site. Everything else is Next's default.
import { fileURLToPath } from "node:url";

export default {
  turbopack: { root: fileURLToPath(new URL("..", import.meta.url)) }, // Where node_modules is.
  rewrites: async () => [{ source: "/api/:path*", destination: `${process.env.MEGGY_URL}/api/:path*` }],
};
