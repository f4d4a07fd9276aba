// Every kind of page, and how a reader comes to it.
import { PAIR, comparisonId } from "./plimsoll.mjs";

/** Functions that bring a page there, by the name of the kind. */
export async function kinds(address) {
  const run = await comparisonId(address);
  const at = (path) => (page) => page.goto(path);
  return {
    catalogue: async (page) => {
      // Once this machine was measured, which the server begins with.
      do await page.goto("/");
      while (await page.getByText("is being measured").count());
    },
    "catalogue-on-a-phone": at("/?device=pixel-10&memory=4&sort=speed&use=commercial&users=50000"),
    "catalogue-nothing-found": at("/?q=no+such+model"),
    "model-measured": at("/model/demo-small"),
    "model-unmeasured": at("/model/claude-haiku-open-weights"),
    "model-predicted": at("/model/smollm3?device=rpi5-8gb"),
    "model-of-several-checkpoints": at("/model/smolvlm2-turbo?device=pixel-10&need=decode%3E10"),
    "compare-measured": at(`/compare/${PAIR}`),
    "compare-voted": async (page) => {
      await page.goto(`/compare/${PAIR}`);
      await page.getByRole("button", { name: "Neither" }).click();
      await page.getByText("You voted for").waitFor();
    },
    "compare-unmeasured": at("/compare/claude-haiku-open-weights-vs-smollm3"),
    run: at(`/run/${run}`),
    digest: at("/digest"),
    "chat-without-a-model": at("/chat"),
    bookmarks: async (page) => {
      await page.goto("/model/smollm3");
      const mark = page.getByRole("button", { name: "Bookmark this page" });
      if (await mark.count()) await mark.click();
      await page.goto("/bookmarks");
    },
    "bookmarks-none": async (page) => {
      await page.goto("/bookmarks");
      for (const remove of await page.getByRole("button", { name: /^Remove/ }).all()) await remove.click();
    },
    progress: async (page) => {
      // Held where it is: a page that follows would move on while it is looked at.
      const body = "retry: 600000\n\n";
      await page.route("**/job/*/events", (route) => route.fulfill({ contentType: "text/event-stream", body }));
      await page.goto("/compare/demo-small-vs-demo-vision");
      const start = page.getByRole("button", { name: "Measure them now" });
      await ((await start.count()) ? start.click() : page.goto("/job/1"));
      await page.waitForURL(/\/job\/\d+$/);
    },
    "not-here": at("/no/such/page"),
    "second-model-missing": at("/compare?a=smollm3"),
  };
}
