// Package strict reads YAML (and so JSON) that a person wrote, and answers with every problem at once, each with its
// place and its remedy. People paste secrets in odd places, so no text of a decoder or validator is ever passed on:
// all of it is written here, from the path and the rule, and never from a value.
package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a file. Nothing in it comes from a value.
type Problem struct {
	File         string // as given to Parse
	Line, Column int    // from 1; 0 when the problem has no place in the file
	Field        string // e.g. "credentials[0].places[1].dotenv.file", "" for the whole file
	What         string // e.g. "unknown field"
	Remedy       string // e.g. "did you mean vendor?"
	User         string // who uses the text where it was not written, e.g. "credentials[3] at quarterturn.yaml:30:5", or ""
}

// Error is "file:line:col: field: what; remedy (used by user)" without the parts that are empty.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	for _, part := range []string{p.Field, p.What} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	if p.User != "" {
		b.WriteString(" (used by " + p.User + ")")
	}
	return strings.TrimPrefix(b.String(), ": ")
}

// Problems is every problem of a file, by position. As an error it is one problem a line.
type Problems []Problem

// Error has one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is p as an error, nil when there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p.Sorted()
}

// Sorted is p by file, line, column and field, without repetitions: one problem of a text that many use is said once.
func (p Problems) Sorted() Problems {
	sorted := slices.Clone(p)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.What, b.What), cmp.Compare(a.Remedy, b.Remedy),
			cmp.Compare(len(a.User), len(b.User)), cmp.Compare(a.User, b.User)) // credentials[2] before credentials[10]
	})
	return gather(slices.Compact(sorted))
}

// gather says once what differs by its user only.
func gather(sorted Problems) Problems {
	var once Problems
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to].alone() == sorted[from].alone() {
			to++
		}
		one := sorted[from]
		if more := to - from - 1; more > 0 && one.User != "" {
			one.User = fmt.Sprintf("%s and %d more", one.User, more)
		}
		once, from = append(once, one), to
	}
	return once
}

func (p Problem) alone() Problem {
	p.User = ""
	return p
}
