import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expand } from "../src/internal/uriTemplate.ts"

/** https://www.rfc-editor.org/rfc/rfc6570#section-3.2 */
const values = {
  count: ["one", "two", "three"],
  dom: ["example", "com"],
  dub: "me/too",
  hello: "Hello World!",
  half: "50%",
  var: "value",
  who: "fred",
  base: "http://example.com/home/",
  path: "/foo/bar",
  list: ["red", "green", "blue"],
  keys: { semi: ";", dot: ".", comma: "," },
  v: "6",
  x: "1024",
  y: "768",
  empty: "",
  undef: null
}

describe("a URI template", () => {
  it.effect.each(
    [
      ["{count}", "one,two,three"],
      ["{count*}", "one,two,three"],
      ["{/count*}", "/one/two/three"],
      ["{;count}", ";count=one,two,three"],
      ["{;count*}", ";count=one;count=two;count=three"],
      ["{?count*}", "?count=one&count=two&count=three"],
      ["{&count*}", "&count=one&count=two&count=three"],
      ["{hello}", "Hello%20World%21"],
      ["{half}", "50%25"],
      ["O{empty}X", "OX"],
      ["O{undef}X", "OX"],
      ["{x,hello,y}", "1024,Hello%20World%21,768"],
      ["?{x,undef}", "?1024"],
      ["{var:3}", "val"],
      ["{keys}", "semi,%3B,dot,.,comma,%2C"],
      ["{keys*}", "semi=%3B,dot=.,comma=%2C"],
      ["{+hello}", "Hello%20World!"],
      ["{+half}", "50%25"],
      ["{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"],
      ["{+base}index", "http://example.com/home/index"],
      ["{+path:6}/here", "/foo/b/here"],
      ["{#path,x}/here", "#/foo/bar,1024/here"],
      ["www{.dom*}", "www.example.com"],
      ["{/var:1,var}", "/v/value"],
      ["{/keys*}", "/semi=%3B/dot=./comma=%2C"],
      ["{;v,empty,who}", ";v=6;empty;who=fred"],
      ["{?x,y,undef}", "?x=1024&y=768"],
      ["{?x,y,empty}", "?x=1024&y=768&empty="],
      ["{?keys*}", "?semi=%3B&dot=.&comma=%2C"],
      ["?fixed=yes{&x}", "?fixed=yes&x=1024"]
    ] as const
  )("%s becomes %s", ([template, uri]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* expand(template, values), uri)
    }))

  it.effect("takes what is no string as JSON has it", () =>
    Effect.gen(function*() {
      const values = { n: 7, yes: true, deep: [{ a: 1 }, 2], map: { k: 1, gone: null } }
      assert.strictEqual(yield* expand("{n}/{yes}/{+deep}/{map}", values), "7/true/%7B%22a%22:1%7D,2/k,1")
    }))

  it.effect("knows no variables but those that are given", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* expand("a:{constructor}{?toString,x}{&__proto__}", {}), "a:")
    }))
})
