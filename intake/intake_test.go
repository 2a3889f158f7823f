package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"quarterturn/secret"
	"quarterturn/vendors"
)

// fields is what Bluum's profile asks for.
var fields = []Field{
	{Name: "key", Entry: "BLUUM_API_KEY", Prefixes: []string{"test_bluum_"}},
	{Name: "secret", Entry: "BLUUM_API_SECRET", Secret: true},
}

const (
	goodKey    = "test_bluum_4f9c02d1b7"
	goodSecret = "8d3a61c07be5f924e1aa7095"
)

// random is n bytes that no rule mistakes for something else.
func random(n int) string {
	source := rand.NewChaCha8([32]byte{7, byte(n)})
	raw := make([]byte, n)
	_, _ = source.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)[:n]
}

// expect checks an outcome: kind "" means goodKey and goodSecret.
func expect(t *testing.T, m secret.Material, err error, kind Kind) {
	t.Helper()
	if kind == "" {
		if err != nil || len(m) != 2 || m["key"].Reveal() != goodKey || m["secret"].Reveal() != goodSecret {
			t.Errorf("not the pair: %v", err)
		}
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != kind {
		t.Fatalf("%v, want %s", err, kind)
	}
	if m != nil {
		t.Error("an error and a material")
	}
}

func TestRightPastes(t *testing.T) {
	const (
		spaced   = "white space around the values was removed"
		unnamed  = "the two lines had no names: the first was taken as BLUUM_API_KEY, the second as BLUUM_API_SECRET"
		hinted   = "BLUUM_API_KEY and BLUUM_API_SECRET had no names: told apart by how they begin"
		crossed  = "BLUUM_API_SECRET and BLUUM_API_KEY had no names: told apart by how they begin"
		quotes   = "quotes around BLUUM_API_SECRET were removed"
		quotes1  = "quotes around BLUUM_API_KEY were removed"
		bom      = "a byte order mark was removed"
		crlf     = "Windows line ends (CRLF) were removed"
		comments = "a comment line was left out"
	)
	k, s := goodKey, goodSecret
	env := "BLUUM_API_KEY=" + k + "\nBLUUM_API_SECRET=" + s
	for _, c := range []struct {
		name, text string
		notes      []string
	}{
		{".env", env, nil},
		{".env with a last line end", env + "\n", nil},
		{"other order", "BLUUM_API_SECRET=" + s + "\nBLUUM_API_KEY=" + k, nil},
		{"double quotes", "BLUUM_API_KEY=" + k + "\nBLUUM_API_SECRET=\"" + s + "\"\n", []string{quotes}},
		{"single quotes", "BLUUM_API_KEY='" + k + "'\nBLUUM_API_SECRET=" + s + "\n", []string{quotes1}},
		{"field names", "key=" + k + "\nsecret=" + s, nil},
		{"YAML", "key: " + k + "\nsecret: " + s, nil},
		{"YAML with quotes", "key: " + k + "\nsecret: \"" + s + "\"", []string{quotes}},
		{"portal labels", "API Key: " + k + "\nAPI Secret: " + s, nil},
		{"other labels", "Client ID: " + k + "\nClient Secret: " + s, nil},
		{"labels with tabs", "API Key\t" + k + "\nSecret Key\t" + s, nil},
		{"labels above values", "API Key\n" + k + "\n\nAPI Secret\n" + s + "\n", nil},
		{"labels with colon above values", "Your API key:\n" + k + "\nYour API secret:\n" + s + "\n", nil},
		{"snake case", "api_key: " + k + "\napi_secret: " + s, nil},
		{"kebab case", "api-key=" + k + "\napi-secret=" + s, nil},
		{"lower-case entries", "bluum_api_key=" + k + "\nbluum_api_secret=" + s, nil},
		{"blank around =", "BLUUM_API_KEY = " + k + "\nBLUUM_API_SECRET = " + s, []string{spaced}},
		{"indented", "  BLUUM_API_KEY=" + k + "\n  BLUUM_API_SECRET=" + s, []string{spaced}},
		{"trailing blanks", "BLUUM_API_KEY=" + k + "  \nBLUUM_API_SECRET=" + s + "\t\n\n", []string{spaced}},
		{"comments", "# production\n" + env, []string{comments}},
		{"JSON", fmt.Sprintf(`{"key":%q,"secret":%q}`, k, s), nil},
		{"JSON with entries", fmt.Sprintf(`{"BLUUM_API_SECRET":%q,"BLUUM_API_KEY":%q}`, s, k), nil},
		{"JSON in camel case, over lines", fmt.Sprintf("{\n \"apiKey\": %q,\n \"apiSecret\": %q\n}\n", k, s), nil},
		{"JSON with a blank in it", fmt.Sprintf(`{"key":%q,"secret":%q}`, k, s+" "), []string{spaced}},
		{"two lines, known beginning", k + "\n" + s, []string{hinted}},
		{"two lines the other way round", s + "\n" + k, []string{crossed}},
		{"byte order mark", "\uFEFF" + env, []string{bom}},
		{"CRLF", strings.ReplaceAll(env+"\n", "\n", "\r\n"), []string{crlf}},
		{"CR", strings.ReplaceAll(env+"\n", "\n", "\r"), []string{"carriage returns were taken as line ends"}},
		{"everything", "\uFEFF" + env + " \r\n", []string{bom, crlf, spaced}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, notes, err := Parse([]byte(c.text), fields)
			expect(t, m, err, "")
			if !slices.Equal(notes, c.notes) {
				t.Errorf("notes %q, want %q", notes, c.notes)
			}
		})
	}
	t.Run("two lines, nothing known", func(t *testing.T) {
		m, notes, err := Parse([]byte("a1b2c3d4e5f6\n"+s), fields)
		if err != nil || m["key"].Reveal() != "a1b2c3d4e5f6" || !slices.Equal(notes, []string{unnamed}) {
			t.Error(notes, err)
		}
	})
}

func TestValuesWithPunctuationPass(t *testing.T) {
	for _, value := range []string{"YWJjZGVmZ2hpag==", "a+b/c=d:e", "p@ss#word!%", "x\\y", "k-1_2.3~4", "$2b$10$abcdef", "(a)[b]{c}"} {
		m, notes, err := Parse([]byte("key="+goodKey+"\nsecret="+value), fields)
		if err != nil || m["secret"].Reveal() != value || notes != nil {
			t.Errorf("%s: %v %v", value, notes, err)
		}
	}
	if _, _, err := Parse([]byte(goodKey+"\nYWJjZGVmZ2hpag=="), fields); err != nil {
		t.Error(err)
	}
}

// Values are random, and each of these is one: what looks like something else in it is chance.
func TestChanceIsNoReason(t *testing.T) {
	for _, v := range []string{"r7{{Kq0mZ!w2", "q9...Lx!&3vT", "aa***b!?c&9d", "k2://Qp+9!xZ", "<kZ9!q#2f&7>", "[kZ9!q#2f&7]",
		"${kZ9!q#2f&7}", "$(kZ9!q#2f&7)", "Zk9!q#2f&7,", "Zk9!q#2f&7;", "#Zk9!q#2f&7", "{Zk9!q#2f&7", "Zk9=q#2f&7", "Zk9:q#2f&7",
		"Zk9!q#2f&7:", "nil-Zk9!q#2f&7"} {
		for form, text := range map[string]string{"named": "key=" + goodKey + "\nsecret=" + v, "bare": goodKey + "\n" + v} {
			m, _, err := Parse([]byte(text), fields)
			if err != nil || m["secret"].Reveal() != v {
				t.Errorf("%s, %s: %v", v, form, err)
			}
		}
	}
}

func TestOneField(t *testing.T) {
	only := []Field{{Name: "token", Entry: "ACME_TOKEN", Secret: true}}
	for _, text := range []string{goodSecret, "ACME_TOKEN=" + goodSecret, "Token: " + goodSecret, `{"token":"` + goodSecret + `"}`} {
		m, _, err := Parse([]byte(text), only)
		if err != nil || m["token"].Reveal() != goodSecret {
			t.Error(err)
		}
	}
}

// wrong is every class of wrong paste; each message is asked to be its own further below.
func wrong() []struct {
	name, text string
	kind       Kind
	line       int
	says       string
} {
	k, s := goodKey, goodSecret
	with := func(value string) string { return "key=" + k + "\nsecret=" + value }
	return []struct {
		name, text string
		kind       Kind
		line       int
		says       string
	}{
		{"nothing", "", Empty, 0, "paste BLUUM_API_KEY and BLUUM_API_SECRET"},
		{"white space", " \r\n\t", Empty, 0, "nothing in it"},
		{"marks alone", pasteBegins + pasteEnds, PasteMarks, 1, "paste marks"},
		{"marks around", pasteBegins + with(s) + pasteEnds, PasteMarks, 1, "paste marks"},
		{"a mark inside", with(s[:8] + pasteEnds + s[8:]), PasteMarks, 2, "paste marks"},
		{"marks without ESC", "[200~" + with(s) + "[201~", PasteMarks, 1, "paste marks"},
		{"marks as they are shown", with("^[[200~" + s + "^[[201~"), PasteMarks, 2, "paste marks"},
		{"the rest of marks", "0~" + with(s) + "1~", PasteMarks, 1, "paste marks"},
		{"cut by a terminal", with(strings.Repeat("ab1c", 2000)[:cut-len("secret=")]), Cut, 2, "where a terminal cuts"},
		{"JSON cut by a terminal", (`{"id": "` + strings.Repeat("ab1c", 2000))[:cut], Cut, 1, "where a terminal cuts"},
		{"export", "export BLUUM_API_KEY=" + k + "\nexport BLUUM_API_SECRET=" + s + "\n", Exported, 1, "a shell's assignment"},
		{"export without a value", "export BLUUM_API_KEY=", Exported, 1, "a shell's assignment"},
		{"set", "set BLUUM_API_KEY=" + k, Exported, 1, "a shell's assignment"},
		{"PowerShell", "$env:BLUUM_API_KEY=\"" + k + "\"", Exported, 1, "a shell's assignment"},
		{"export in a value", with("export BLUUM_API_SECRET=" + s), Exported, 2, "a shell's assignment"},
		{"one in the other", with(k + s), Within, 2, "whole value of another field"},
		{"GitHub's token", with("ghp_" + strings.Repeat("aB3d", 9)), OtherVendor, 2, "a token of GitHub"},
		{"AWS's key", "key=AKIAQ2W3E4R5T6Y7U8I9\nsecret=" + s, OtherVendor, 1, "a token of AWS"},
		{"change_me", with("change_me"), Placeholder, 2, "a placeholder"},
		{"words in one", with("yoursecrethere"), Placeholder, 2, "a placeholder"},
		{"the known beginning and x", "key=test_bluum_xxxxxxxxxxxx\nsecret=" + s, Placeholder, 1, "a placeholder"},
		{"in their order", with("12345678"), Placeholder, 2, "a placeholder"},
		{"the vendor's name", with("bluum_prod_secret"), Placeholder, 2, "a placeholder"},
		{"too long", with(strings.Repeat("ab1", Limit)), TooLong, 0, "64 KiB"},
		{"UTF-16", "\xff\xfek\x00e\x00y\x00", NotText, 0, "UTF-8"},
		{"NUL", with("abc\x00def12345"), NotText, 0, "UTF-8"},
		{"no-break space", with(s + "\u00a0"), Invisible, 2, "U+00A0 NO-BREAK SPACE"},
		{"zero width space", with("\u200b" + s), Invisible, 2, "U+200B ZERO WIDTH SPACE"},
		{"Cyrillic look-alike", "key=test_\u0430bc12345\nsecret=" + s, LookAlike, 1, "U+0430 CYRILLIC SMALL LETTER A"},
		{"other Cyrillic", with("\u0416" + s), Character, 2, "U+0416 CYRILLIC CAPITAL LETTER ZHE"},
		{"Greek look-alike", with("\u039f" + s), LookAlike, 2, "GREEK CAPITAL LETTER OMICRON"},
		{"fullwidth", with("\uff41" + s), LookAlike, 2, "FULLWIDTH"},
		{"en dash", with("8d3a\u201361c07be5"), LookAlike, 2, "EN DASH"},
		{"escape sequence", with("\x1b[A" + s), Control, 2, "U+001B ESCAPE"},
		{"accent", with("\u00e9" + s), Character, 2, "LATIN SMALL LETTER E WITH ACUTE"},
		{"inner byte order mark", with("\ufeff" + s), Invisible, 2, "ZERO WIDTH NO-BREAK SPACE"},
		{"escaped in JSON", `{"key":"` + k + `","secret":"8d3a\u00a061c0"}`, Invisible, 0, "NO-BREAK SPACE"},
		{"typographic quotes", with("\u201c" + s + "\u201d"), SmartQuotes, 2, "typographic"},
		{"curl", "curl -u " + k + ":" + s + " https://api.example/v1", Command, 1, "a command or a header"},
		{"curl with a prompt", "$ curl https://api.example -H 'Authorization: Basic abcdef'", Command, 1, "a command"},
		{"header", "Authorization: Basic dGVzdA==", Command, 1, "header"},
		{"PEM", "-----BEGIN PRIVATE KEY-----\nabcdef\n", PrivateKey, 1, "PEM"},
		{"address", "https://api.example/v1\n" + k + "\n" + s, Address, 1, "an address"},
		{"address as value", with("https://api.example/v1"), Address, 2, "an address"},
		{"broken JSON", `{"key":"` + k + `",`, JSON, 0, "JSON"},
		{"nested JSON", `{"data":{"key":"` + k + `","secret":"` + s + `"}}`, JSON, 0, "flat"},
		{"JSON twice", `{"key":"` + k + `","key":"` + k + `","secret":"` + s + `"}`, JSON, 0, "once"},
		{"JSON of numbers", `{"key":1,"secret":2}`, JSON, 0, "strings"},
		{"lines out of JSON", `"key": "` + k + "\",\n\"secret\": \"" + s + `"`, JSON, 1, "whole"},
		{"key:secret", k + ":" + s, Joined, 1, "joined by a colon"},
		{"unknown entry", "BLUUM_BASE_URL=x1y2z3\nBLUUM_API_KEY=" + k, Unknown, 1, "not asked for"},
		{"unknown label", "Webhook signing: " + s + "\n", Unknown, 1, "not asked for"},
		{"other vendor's entries", "ACME_API_KEY=" + k + "\nACME_API_SECRET=" + s, Unknown, 1, "not asked for"},
		{"unknown in JSON", `{"key":"` + k + `","secret":"` + s + `","id":"apk_1"}`, Unknown, 0, "not asked for"},
		{"broken over two lines", with("8d3a61c0") + "\n7be5f924e1aa7095", Mixed, 3, "continues the line before"},
		{"three lines", k + "\n" + s + "\n" + "2026abcdef", Unnamed, 0, "NAME=value"},
		{"one value", k, Missing, 0, "one value where more"},
		{"one field", "BLUUM_API_KEY=" + k, Missing, 0, "BLUUM_API_SECRET: is missing"},
		{"one field in JSON", `{"secret":"` + s + `"}`, Missing, 0, "BLUUM_API_KEY: is missing"},
		{"no value", "BLUUM_API_KEY=" + k + "\nBLUUM_API_SECRET=", NoValue, 2, "reveal"},
		{"label without value", "API Key:\nAPI Secret: " + s, NoValue, 1, "reveal"},
		{"empty quotes", with(`""`), NoValue, 2, "a name and no value"},
		{"empty in JSON", `{"key":"` + k + `","secret":""}`, NoValue, 0, "no value"},
		{"a field twice", "key=" + k + "\nAPI Key=" + k + "\nsecret=" + s, Twice, 2, "there twice"},
		{"the block twice", with(s) + "\n" + with(s), Twice, 3, "there twice"},
		{"entry and field in JSON", `{"key":"` + k + `","apiKey":"` + k + `","secret":"` + s + `"}`, Twice, 0, "there twice"},
		{"same value", "key=" + k + "\nsecret=" + k, Same, 2, "same value"},
		{"same bare value", k + "\n" + k, Same, 2, "same value"},
		{"swapped", "key=" + s + "\nsecret=" + k, Swapped, 2, "swapped"},
		{"value twice in a row", with(s + s), Doubled, 2, "twice in a row"},
		{"name twice", "BLUUM_API_KEY=BLUUM_API_KEY=" + k + "\nsecret=" + s, Named, 1, "begins with a name"},
		{"your_api_key", "key=your_api_key\nsecret=" + s, Placeholder, 1, "a placeholder"},
		{"your-bluum-secret", with("your-bluum-secret"), Placeholder, 2, "a placeholder"},
		{"prod_secret", with("prod_secret"), Placeholder, 2, "a placeholder"},
		{"xxxx", with("xxxx-xxxx-xxxx"), Placeholder, 2, "a placeholder"},
		{"one character", with("00000000"), Placeholder, 2, "a placeholder"},
		{"<...>", with("<secret from the portal>"), Placeholder, 2, "a placeholder"},
		{"changeme", with("changeme"), Placeholder, 2, "a placeholder"},
		{"[secret]", with("[secret]"), Placeholder, 2, "a placeholder"},
		{"null", with("null"), Placeholder, 2, "a placeholder"},
		{"the name itself", with("BLUUM_API_SECRET"), Placeholder, 2, "a placeholder"},
		{"a manual's example", "key=AKIAIOSFODNN7EXAMPLE\nsecret=" + s, Placeholder, 1, "a placeholder"},
		{"variable", with("${BLUUM_API_SECRET}"), Reference, 2, "kept elsewhere"},
		{"plain variable", with("$BLUUM_API_SECRET"), Reference, 2, "kept elsewhere"},
		{"template", with("{{ bluum.secret }}"), Reference, 2, "kept elsewhere"},
		{"password manager", with("op://vault/bluum/secret"), Reference, 2, "kept elsewhere"},
		{"masked", with("********7095"), Masked, 2, "masked"},
		{"masked with bullets", with("\u2022\u2022\u2022\u20227095"), Masked, 2, "masked"},
		{"shortened", with("8d3a61c0...7095"), Masked, 2, "shortened"},
		{"inner blank", with("8d3a61c0 7be5f924"), InnerSpace, 2, "white space inside"},
		{"prose", "here are the new ones\n" + k + "\n" + s, InnerSpace, 1, "white space inside"},
		{"both in one line", k + " " + s, InnerSpace, 1, "white space inside"},
		{"inner line end in JSON", `{"key":"` + k + `","secret":"8d3a\n61c0"}`, InnerSpace, 0, "white space inside"},
		{"open quote", with(`"` + s), Quotes, 2, "quotes"},
		{"escape in quotes", with(`"8d3a\"61c0"`), Quotes, 2, "quotes"},
		{"trailing comma", with(s + ","), Quotes, 2, "comma"},
		{"trailing semicolon", with(s + ";"), Quotes, 2, "quotes"},
	}
}

func TestWrongPastes(t *testing.T) {
	for _, c := range wrong() {
		t.Run(c.name, func(t *testing.T) {
			m, _, err := Parse([]byte(c.text), fields)
			expect(t, m, err, c.kind)
			var e *Error
			if errors.As(err, &e); e.Line != c.line {
				t.Errorf("line %d, want %d", e.Line, c.line)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "nothing was taken in: ") {
				t.Errorf("it says: %v", err)
			}
			leaks(t, c.text, err.Error())
		})
	}
}

func TestCharacterPosition(t *testing.T) {
	_, _, err := Parse([]byte("\n\nkey=ab\u00a0cd\nsecret="+goodSecret), fields)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Line != 3 || e.Column != 7 {
		t.Error(err)
	}
}

// Every kind has words of its own: two with the same would send people the wrong way.
func TestEveryKindHasItsOwnWords(t *testing.T) {
	seen := map[string]Kind{}
	for _, k := range kinds() {
		what, remedy := (&Error{Kind: k}).words()
		if other, taken := seen[what]; taken || what == "cannot be used" || remedy == "" {
			t.Errorf("%s says the same as %s, or nothing", k, other)
		}
		seen[what] = k
	}
	used := map[Kind]bool{}
	for _, c := range wrong() {
		used[c.kind] = true
	}
	if len(used) != len(seen) {
		t.Errorf("%d kinds, %d in the table of wrong pastes", len(seen), len(used))
	}
}

func kinds() []Kind {
	return []Kind{Empty, TooLong, NotText, Character, SmartQuotes, Command, PrivateKey, Address, JSON, Joined, Unknown,
		Mixed, Unnamed, Missing, NoValue, Twice, Same, Swapped, Doubled, Named, Placeholder, Reference, Masked, InnerSpace,
		Quotes, Cut, PasteMarks, LookAlike, Invisible, Control, Exported, Within, OtherVendor}
}

// However a pair is written down, the same pair comes out.
func TestFormsAgree(t *testing.T) {
	value := rapid.StringMatching(`[a-zA-Z0-9+/_-]{12,60}`)
	rapid.Check(t, func(t *rapid.T) {
		k, s := "k7"+value.Draw(t, "key"), "s9"+value.Draw(t, "secret")
		object, _ := json.Marshal(map[string]string{"key": k, "secret": s})
		for _, text := range []string{
			"BLUUM_API_KEY=" + k + "\nBLUUM_API_SECRET=" + s, "API Secret: " + s + "\r\nAPI Key: " + k + "\r\n",
			string(object), k + "\n" + s, "key='" + k + "'\nsecret=\"" + s + "\"",
		} {
			m, _, err := Parse([]byte(text), fields)
			if err != nil || m["key"].Reveal() != k || m["secret"].Reveal() != s {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func TestReadPaste(t *testing.T) {
	good := "key=" + goodKey + "\nsecret=" + goodSecret + "\n"
	m, _, err := ReadPaste(iotest.OneByteReader(strings.NewReader(good)), fields)
	expect(t, m, err, "")
	m, _, err = ReadPaste(io.MultiReader(strings.NewReader(good), endless{}), fields)
	expect(t, m, err, TooLong)
	m, _, err = ReadPaste(strings.NewReader(""), fields)
	expect(t, m, err, Empty)
	m, _, err = ReadPaste(io.MultiReader(strings.NewReader(good), iotest.ErrReader(errors.New(goodSecret))), fields)
	if err == nil || m != nil || strings.Contains(err.Error(), goodSecret) {
		t.Error(err)
	}
}

// endless gives blanks for ever.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// leaks fails when 8 bytes of input in a row stand in what was said, other than words that are ours.
func leaks(t *testing.T, input, said string) {
	t.Helper()
	own := vocabulary(said)
	for i := 0; i+8 <= len(input); i++ {
		if run := input[i : i+8]; strings.Contains(said, run) && !strings.Contains(own, run) {
			t.Fatalf("it repeats the input: %q", said)
		}
	}
}

// vocabulary is everything that is said whatever the input, with the names of the characters that said names.
func vocabulary(said string) string {
	var b bytes.Buffer
	entries := []string{"BLUUM_API_KEY", "BLUUM_API_SECRET"}
	for _, field := range append(entries, "") {
		for _, k := range kinds() {
			fmt.Fprintln(&b, (&Error{Kind: k, Field: field, Entries: entries}).Error())
		}
	}
	for _, text := range []string{
		"# c\nkey='a1b2c3'\r\nsecret=\"d4e5f6 \"\r", "a1b2c3\nd4e5f6", "d4e5f6\ntest_bluum_1", pasteBegins + "\uFEFFkey='a1'\rsecret='b2'",
	} {
		_, notes, _ := Parse([]byte(text), fields)
		fmt.Fprintln(&b, notes)
	}
	for _, found := range regexp.MustCompile(`U\+[0-9A-F]+`).FindAllString(said, -1) {
		r, _ := strconv.ParseUint(found[2:], 16, 32)
		fmt.Fprintln(&b, vendors.CharacterName(rune(r)))
	}
	fmt.Fprintln(&b, "line 00000000, character 00000000")
	return b.String()
}

func FuzzParse(f *testing.F) {
	for _, c := range wrong() {
		if len(c.text) < 1000 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte("key=" + goodKey + "\nsecret=" + goodSecret))
	f.Add([]byte(goodSecret + "\r\n" + goodKey))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, notes, err := Parse(text, fields)
		if (err == nil) == (m == nil) {
			t.Fatal("neither or both of material and error")
		}
		if _, typed := errors.AsType[*Error](err); err != nil && !typed {
			t.Fatal("an error without a kind")
		}
		for field, v := range m {
			if strings.ContainsFunc(v.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) || v.Empty() {
				t.Fatalf("%s cannot be a value", field)
			}
		}
		leaks(t, string(text), fmt.Sprint(err, notes))
	})
}
