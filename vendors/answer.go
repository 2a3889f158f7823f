package vendors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

const (
	maxSubjects = 1000 // account digests in one reading
	maxSubject  = 200  // bytes; what is longer is no id
)

// parse reads one JSON document and nothing after it; false when it is not one.
func parse(body []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

// pick returns what stands at a path such as "error.code", "data[].id" or "[].id"; nothing when the answer has another
// shape.
func pick(v any, path string) []any {
	at := []any{v}
	for _, step := range strings.Split(path, ".") {
		name, each := strings.CutSuffix(step, "[]")
		at = descend(at, name)
		if each {
			at = spread(at)
		}
	}
	return at
}

func descend(at []any, name string) []any {
	if name == "" {
		return at
	}
	var below []any
	for _, v := range at {
		if fields, is := v.(map[string]any); is {
			if sub, there := fields[name]; there {
				below = append(below, sub)
			}
		}
	}
	return below
}

func spread(at []any) []any {
	var items []any
	for _, v := range at {
		list, _ := v.([]any)
		items = append(items, list...)
	}
	return items
}

// texts are the distinct scalars at the paths, as text, in order of appearance.
func texts(v any, paths []string) []string {
	var found []string
	seen := map[string]bool{}
	for _, path := range paths {
		for _, value := range pick(v, path) {
			if t := text(value); t != "" && !seen[t] {
				seen[t] = true
				found = append(found, t)
			}
		}
	}
	return found
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	}
	return ""
}

// fits reports whether the answer has this shape: the marks at the top, and a list whose every item is an object.
func (l List) fits(v any) bool {
	for name, want := range l.When {
		if got := descend([]any{v}, name); len(got) != 1 || got[0] != any(want) {
			return false
		}
	}
	list := pick(v, strings.TrimSuffix(l.Items, "[]"))
	if len(list) != 1 {
		return false
	}
	items, is := list[0].([]any)
	return is && !slices.ContainsFunc(items, func(item any) bool {
		_, object := item.(map[string]any)
		return !object
	})
}

func (a Answers) list(v any) bool {
	return slices.ContainsFunc(a.Lists, func(l List) bool { return l.fits(v) })
}

// environments are those the answer names, each once.
func (e Evidence) environments(v any) []string {
	var names []string
	for _, value := range texts(v, e.At) {
		if name := e.Values[value]; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// subjects are digests of account ids: enough to see that two readings share one, too little to tell which it is.
func subjects(vendor string, ids []string, g guard) []string {
	var digests []string
	for _, id := range ids {
		if len(digests) == maxSubjects {
			break
		}
		if len(id) > maxSubject || g.echoes(id) {
			continue
		}
		sum := sha256.Sum256([]byte("subject\x00" + vendor + "\x00" + id))
		digests = append(digests, hex.EncodeToString(sum[:])[:16])
	}
	slices.Sort(digests)
	return digests
}
