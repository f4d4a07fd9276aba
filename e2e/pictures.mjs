// Every kind of page as a picture, for eyes: `node --test pictures.mjs`. It claims nothing, so it is no test file.
import path from "node:path";
import test from "node:test";
import { DESKTOP, PHONE, browse, measuredStore, open, serve } from "./plimsoll.mjs";
import { kinds } from "./kinds.mjs";

test("pictures", async (t) => {
  const address = await serve(t, await measuredStore(t));
  const browser = await browse(t);
  for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    for (const colorScheme of ["light", "dark"]) {
      const { page, context } = await open(browser, address, { viewport, colorScheme });
      for (const [name, show] of Object.entries(await kinds(address))) {
        await show(page);
        const file = path.join(process.env.PLIMSOLL_E2E_PICTURES ?? "pictures", `${name}-${size}-${colorScheme}.png`);
        await page.screenshot({ path: file, fullPage: true });
      }
      await context.close();
    }
  }
});
