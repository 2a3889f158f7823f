package dotenv

import (
	"strings"
	"testing"

	"github.com/joho/godotenv"
	"pgregory.net/rapid"
)

func names() []string { return []string{"KEY", "SECRET", "LABEL"} }

func TestEditing(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"a new file", "", "KEY=k\nSECRET='s 1'\n"},
		{"in its place", "A=1\nKEY=old\nB=2\nSECRET=old\nC=3\n", "A=1\nKEY=k\nB=2\nSECRET='s 1'\nC=3\n"},
		{"appended", "A=1\n", "A=1\nKEY=k\nSECRET='s 1'\n"},
		{"without a final line end", "A=1", "A=1\nKEY=k\nSECRET='s 1'"},
		{"the last line is ours, without a line end", "SECRET=x\nKEY=old", "SECRET='s 1'\nKEY=k"},
		{"one is missing", "KEY=old", "KEY=k\nSECRET='s 1'"},
		{"CRLF", "A=1\r\nKEY=old\r\n", "A=1\r\nKEY=k\r\nSECRET='s 1'\r\n"},
		{"CRLF without a final line end", "A=1\r\nB=2", "A=1\r\nB=2\r\nKEY=k\r\nSECRET='s 1'"},
		{"mixed line ends", "A=1\nKEY=old\r\nB=2\n", "A=1\nKEY=k\r\nB=2\nSECRET='s 1'\n"},
		{"export and indentation", "  export\tKEY=old\n\texport SECRET=old\n", "  export\tKEY=k\n\texport SECRET='s 1'\n"},
		{"spaces around the sign", "KEY = old\nSECRET=  old\n", "KEY = k\nSECRET=  's 1'\n"},
		{"single quotes stay", "KEY='old'\nSECRET='old'\n", "KEY='k'\nSECRET='s 1'\n"},
		{"double quotes stay", "KEY=\"old\"\nSECRET=\"old\"\n", "KEY=\"k\"\nSECRET=\"s 1\"\n"},
		{"comments stay", "KEY=old # the key\nSECRET=\"old\"\t# the secret\n", "KEY=k # the key\nSECRET=\"s 1\"\t# the secret\n"},
		{"trailing blanks stay", "KEY=old  \nSECRET='old' \n", "KEY=k  \nSECRET='s 1' \n"},
		{"empty entries are filled", "KEY=\nSECRET=\"\"\n", "KEY=k\nSECRET=\"s 1\"\n"},
		{"a blank after the sign of an empty entry", "KEY=  \nSECRET=' '\n", "KEY=k  \nSECRET='s 1'\n"},
		{"every occurrence", "KEY=1\nKEY='2'\nSECRET=x\nKEY=\"3\"\n", "KEY=k\nKEY='k'\nSECRET='s 1'\nKEY=\"k\"\n"},
		{"commented out is not ours", "#KEY=1\n # SECRET=2\n", "#KEY=1\n # SECRET=2\nKEY=k\nSECRET='s 1'\n"},
		{"longer names are not ours", "KEYS=1\nMY_KEY=2\nKEY.X=3\nkey=4\n", "KEYS=1\nMY_KEY=2\nKEY.X=3\nkey=4\nKEY=k\nSECRET='s 1'\n"},
		{"a byte order mark", "\ufeffKEY=old\nSECRET=x\n", "\ufeffKEY=k\nSECRET='s 1'\n"},
		{"several lines of somebody else", "CERT=\"a\nb\\\"c\nd\" # end\nKEY=x\nSECRET=y\n", "CERT=\"a\nb\\\"c\nd\" # end\nKEY=k\nSECRET='s 1'\n"},
		{"in single quotes too", "CERT='a\n\nd'\nKEY=x\nSECRET=y\n", "CERT='a\n\nd'\nKEY=k\nSECRET='s 1'\n"},
		{"quotes inside values of others", "A=it's\nB=5\" x\nC='it\\'s'\nKEY=x\nSECRET=y\n", "A=it's\nB=5\" x\nC='it\\'s'\nKEY=k\nSECRET='s 1'\n"},
		{"our name in somebody else's comment", "A=1 # KEY=x\nB='2' # KEY=y\n", "A=1 # KEY=x\nB='2' # KEY=y\nKEY=k\nSECRET='s 1'\n"},
		{"our name in somebody else's value", "A=\"run KEY=x\"\nB=-DKEY=1\n", "A=\"run KEY=x\"\nB=-DKEY=1\nKEY=k\nSECRET='s 1'\n"},
		{"what is no entry at all", "hello\n=\n:\n'\n\"\n\xff\xfe\n", "hello\n=\n:\n'\n\"\n\xff\xfe\nKEY=k\nSECRET='s 1'\n"},
		{"quoting what needs it", "KEY=$OLD\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := parse([]byte(c.before), names())
			if c.after == "" {
				if err == nil {
					t.Error("not refused")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := doc.set([]entry{{"KEY", "k"}, {"SECRET", "s 1"}})
			if err != nil || string(got) != c.after {
				t.Errorf("got  %q\nwant %q (%v)", got, c.after, err)
			}
		})
	}
}

func TestReading(t *testing.T) {
	for text, want := range map[string]string{
		"KEY=v":                    "v",
		"KEY=a=b==":                "a=b==",
		"KEY=a#b":                  "a#b",
		"KEY=a b \t# note":         "a b",
		"KEY=it's":                 "it's",
		"KEY='a # b' # note":       "a # b",
		`KEY='a"$x\b'`:             `a"$x\b`,
		`KEY="a'b"`:                "a'b",
		`KEY="a\"b\\c\$d" `:        `a"b\c$d`,
		"KEY=\"a\\`b\"":            "a`b",
		"export KEY = 'v'":         "v",
		"KEY=1\nKEY=2":             "2",
		"KEY=ünï":                  "ünï",
		"A='\nB=1\n'\nKEY=v\nC=\"": "", // the last quote is never closed
	} {
		doc, err := parse([]byte(text), names())
		if want == "" {
			if err == nil || !strings.HasPrefix(err.Error(), "line 5:") {
				t.Errorf("%q: got %v", text, err)
			}
			continue
		}
		got, found, _ := doc.get("KEY")
		if err != nil || !found || got != want {
			t.Errorf("%q: got %q, %v, %v", text, got, found, err)
		}
	}
}

func TestUnclearIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nKEY=\"open":                 "line 2: KEY: the value spans",
		"A=\"open\nKEY=x\n":               "line 1: a quote is opened",
		"A=1\nB='open\nKEY=x\n":           "line 2: a quote is opened",
		"KEY='a\nb'\n":                    "line 1: KEY: the value spans",
		"KEY='a'b\n":                      "line 1: KEY: there is text behind",
		"KEY='a'#b\n":                     "line 1: KEY: there is text behind",
		"KEY='it\\'s'\n":                  "line 1: KEY: there is text behind",
		"KEY='a\\'\n":                     "line 1: KEY: readers disagree",
		"KEY=\"a\\\"\"\n":                 "line 1: KEY: readers disagree",
		"KEY=\"a\\nb\"\n":                 "line 1: KEY: readers disagree",
		"KEY=\"a$b\"\n":                   "line 1: KEY: a $ between",
		"KEY=\"a\\\\\"\n":                 "line 1: KEY: it ends in a backslash",
		"KEY=a$b\n":                       "line 1: KEY: a $ or",
		"KEY=a\\b\n":                      "line 1: KEY: a $ or",
		"KEY=a # b # c\n":                 "line 1: KEY: it is unclear where",
		"KEY= # c\n":                      "line 1: KEY: it is unclear what",
		"KEY=#c\n":                        "line 1: KEY: it is unclear what",
		"KEY=`a`\n":                       "line 1: KEY: it is unclear what",
		"KEY=a\u00a0\n":                   "line 1: KEY: the value contains an unusual",
		"KEY: a\n":                        "line 1: KEY: it is set with a colon",
		"A=x\\\nKEY=a\n":                  "line 2: KEY: the line before",
		"KEY=\xff\n":                      "line 1: KEY: it is not UTF-8",
		"A=1\nB=2\rKEY=x\n":               "line 2: this is not plain text",
		"A=1\nB=2\r":                      "line 2: this is not plain text",
		"K\x00E\x00Y\x00":                 "line 1: this is not plain text",
		"A=\"1\nKEY=x\n2\"\n":             "line 1: KEY: it also stands inside",
		"A=1\nB='1\nexport KEY=x'\n":      "line 2: KEY: it also stands inside",
		"A='1' KEY=x\n":                   "line 1: KEY: it also stands inside",
		"A=1; KEY=x\n":                    "line 1: KEY: it also stands inside",
		"A=1 KEY=x # KEY\nSECRET=verysec": "line 1: KEY: it also stands inside",
	} {
		_, err := parse([]byte(text), names())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s...", text, err, want)
		}
	}
	doc, err := parse([]byte("A=1\\"), names())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doc.set([]entry{{"KEY", "k"}}); err == nil {
		t.Error("an entry was added behind a line that goes on")
	}
}

// anyValue draws values full of what readers trip over.
func anyValue() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9+/=_.:-]{1,40}`),
		rapid.StringOfN(rapid.SampledFrom([]rune("aB1_ \t#'\"\\$`{}()nr=:;&~*!?é鍵")), 1, 12, -1),
		rapid.StringN(1, 20, -1),
	)
}

func carriable() *rapid.Generator[string] {
	return anyValue().Filter(func(v string) bool { return v != "" && uncarriable(v) == "" })
}

// line draws lines that godotenv understands as we do, of others and of ours.
func line(ours bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if !ours && rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
			return rapid.SampledFrom([]string{"", "# note", "  # KEY=x", "A='x\ny'", "B=\"1\n\n2\" # z", "C=", "D=\"\"", "#"}).Draw(t, "other")
		}
		name := rapid.SampledFrom([]string{"A", "KEYS", "X.Y"}).Draw(t, "name")
		if ours {
			name = rapid.SampledFrom([]string{"KEY", "SECRET"}).Draw(t, "ours")
		}
		lead := rapid.SampledFrom([]string{"", "  ", "export ", "\texport\t"}).Draw(t, "lead")
		sign := rapid.SampledFrom([]string{"=", " = ", "=  "}).Draw(t, "sign")
		end := rapid.SampledFrom([]string{"", " ", " # c", "\t#c"}).Draw(t, "end")
		s := rapid.SampledFrom([]style{bare, single, double}).Draw(t, "style")
		return lead + name + sign + encode(carriable().Draw(t, "value"), s) + end
	})
}

func drawFile(t *rapid.T) string {
	all := rapid.SliceOf(rapid.OneOf(line(false), line(true))).Draw(t, "lines")
	eol := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "eol")
	text := strings.ReplaceAll(strings.Join(all, "\n"), "\n", eol)
	if len(all) > 0 && rapid.Bool().Draw(t, "final") {
		text += eol
	}
	return text
}

// What we read is what godotenv reads, before and after an edit, and everything else stays as it was.
func TestAgreesWithGodotenv(t *testing.T) {
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawFile(t)
		doc, err := parse([]byte(text), names())
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		read += agree(t, doc, text)
		want := []entry{{"KEY", carriable().Draw(t, "key")}, {"SECRET", carriable().Draw(t, "secret")}}
		edited, err := doc.set(want)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := parse(edited, names())
		if err != nil || !again.holds(want) {
			t.Fatalf("%q became %q: %v", text, edited, err)
		}
		agree(t, again, string(edited))
		kept(t, doc, again)
	})
	if read == 0 {
		t.Error("no file with an entry of ours was drawn")
	}
}

func agree(t *rapid.T, doc document, text string) (read int) {
	theirs, err := godotenv.Unmarshal(text)
	if err != nil {
		t.Fatalf("godotenv refuses %q: %v", text, err)
	}
	for _, name := range names() {
		got, found, _ := doc.get(name)
		if got != theirs[name] {
			t.Fatalf("%s in %q: got %q, godotenv %q", name, text, got, theirs[name])
		}
		if found {
			read++
		}
	}
	return read
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// kept compares piece by piece: all but raw values of ours, and pieces added at the end.
func kept(t fataler, before, after document) {
	if len(after.pieces) < len(before.pieces) {
		t.Fatalf("pieces are gone")
	}
	for i, b := range before.pieces {
		a := after.pieces[i]
		last := i == len(before.pieces)-1 && len(after.pieces) > len(before.pieces) && b.end == ""
		if a.before != b.before || a.after != b.after || a.end != b.end && !last || a.name != b.name {
			t.Fatalf("piece %d changed: %+v, %+v", i, b, a)
		}
	}
	for _, a := range after.pieces[len(before.pieces):] {
		if a.name == "" {
			t.Fatalf("a piece was added that is not ours: %+v", a)
		}
	}
}

func TestEveryStyleGivesTheValueBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := carriable().Draw(t, "value")
		for _, s := range []style{bare, single, double} {
			raw, after, value, why := cut(encode(v, s))
			if value != v || after != "" || why != "" || raw != encode(v, s) {
				t.Fatalf("%q as %q: got %q, %q, %s", v, encode(v, s), value, after, why)
			}
		}
	})
}

// FuzzDocument: whatever the file, joining its pieces gives it back, an edit keeps every byte that is not ours, and a
// second edit with the same values changes nothing.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(others), "k", "s 1")
	f.Add([]byte("KEY=1\r\nKEY='2' # x\r\nSECRET=\"\""), "a'b", `a"b`)
	f.Add([]byte("\ufeffexport KEY=\nA='\n'\nSECRET = x"), "$a", "#")
	f.Add([]byte("A=\"\\\\\"\nB=it's\nKEY=`x`\n"), "~", "\u0085")
	f.Fuzz(func(t *testing.T, content []byte, key, value string) {
		doc, err := parse(content, names())
		if err != nil || key == "" || value == "" || uncarriable(key)+uncarriable(value) != "" {
			return
		}
		var joined strings.Builder
		for _, p := range doc.pieces {
			joined.WriteString(p.before + p.raw + p.after + p.end)
		}
		if joined.String() != string(content) {
			t.Fatalf("%q became %q", content, joined.String())
		}
		want := []entry{{"KEY", key}, {"SECRET", value}}
		edited, err := doc.set(want)
		if err != nil {
			return
		}
		again, err := parse(edited, names())
		if err != nil || !again.holds(want) {
			t.Fatalf("%q became %q: %v", content, edited, err)
		}
		kept(t, doc, again)
		if twice, err := again.set(want); err != nil || string(twice) != string(edited) {
			t.Fatalf("%q became %q: %v", edited, twice, err)
		}
	})
}
