package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"quarterturn/policies"
	"quarterturn/rotator"
)

// longestList is how long a list may be, in bytes.
const longestList = 4 << 20

// row is one line of a list.
type row struct {
	line     int
	adoption rotator.Adoption
}

// rowView is what became of a row, for machines.
type rowView struct {
	Line       int        `json:"line"`
	Credential string     `json:"credential"`
	Result     string     `json:"result"` // adopted, before or refused
	LastFour   string     `json:"last_four,omitempty"`
	Created    *time.Time `json:"created"`
	Why        string     `json:"why,omitempty"`
	Next       string     `json:"next,omitempty"`
}

// adoptList adopts every row that can be, once all of them are well-formed.
func (a *app) adoptList(ctx ctxt, s *shop, file string) error {
	rows, problems, err := a.readList(s, file)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return usage("%d %s in the list; nothing was adopted:\n%s", len(problems), plural("problem", len(problems)),
			strings.Join(problems, "\n"))
	}
	var views []rowView
	code := exitDone
	for _, r := range rows {
		v, err := a.adoptRow(ctx, s, r)
		if ctx.Err() != nil || integrity(err) {
			return errors.Join(ctx.Err(), err)
		}
		code = worst(code, exitCode(err))
		views = append(views, v)
	}
	return errors.Join(a.giveList(views), quietly(code))
}

func (a *app) adoptRow(ctx ctxt, s *shop, r row) (rowView, error) {
	ad := r.adoption
	ad.Who = a.as
	v := rowView{Line: r.line, Credential: ad.Credential, Result: "before"}
	standings, err := s.rt.Status(ctx, ad.Credential)
	if err != nil {
		return v, err
	}
	pair := standings[0].Current
	if !same(pair, ad) {
		v.Result = "adopted"
		pair, _, err = s.rt.Adopt(ctx, ad)
	}
	if err != nil {
		v.Result, v.Why, v.Next = "refused", err.Error(), nextOf(err)
		if v.Next == "" {
			v.Next = "quarterturn check " + ad.Credential
		}
		return v, err
	}
	v.LastFour = pair.Fragment
	if !pair.Created.IsZero() {
		v.Created = &pair.Created
	}
	return v, nil
}

// same: an earlier run of the list took it in already.
func same(p rotator.Pair, ad rotator.Adoption) bool {
	return p.ID != "" && p.Created.Equal(ad.Created) && (ad.Fragment == "" || ad.Fragment == p.Fragment)
}

func (a *app) giveList(views []rowView) error {
	count := map[string]int{}
	next := ""
	for _, v := range views {
		count[v.Result]++
		if next == "" {
			next = v.Next
		}
	}
	if next == "" {
		next = "quarterturn status"
	}
	return a.p.give(answer{json: map[string]any{"rows": views, "adopted": count["adopted"], "before": count["before"],
		"refused": count["refused"], "next": next}, next: next, text: func(p *printer) {
		var table [][]string
		for _, v := range views {
			when := "unknown"
			if v.Created != nil {
				when = day(*v.Created)
			}
			table = append(table, []string{v.Credential, v.Result, when, orDash(v.LastFour)})
		}
		p.tableWith([]string{"CREDENTIAL", "RESULT", "CREATED", "ENDS IN"}, table, func(i int) {
			if views[i].Why != "" {
				p.mark("STOP", "line %d: %s", views[i].Line, views[i].Why)
			}
		})
		p.line("%d adopted, %d adopted before, %d refused.", count["adopted"], count["before"], count["refused"])
	}})
}

// readList reads and checks all of it. A problem names file, line and column's name, never what stands there.
func (a *app) readList(s *shop, file string) (rows []row, problems []string, err error) {
	in, name := a.w.in, "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, nil, usage("the list cannot be read (%w); nothing was adopted", errors.Unwrap(err))
		}
		defer func() { _ = f.Close() }()
		in, name = f, file
	}
	l := &list{r: csv.NewReader(io.LimitReader(in, longestList)), name: name, shop: s, now: a.w.now(), seen: map[string]int{}}
	l.r.FieldsPerRecord, l.r.TrimLeadingSpace = -1, true
	if l.header() {
		for l.row() {
		}
	}
	if len(l.problems)+len(l.rows) == 0 {
		l.bad(1, "", "there is no row below the header")
	}
	return l.rows, l.problems, nil
}

// list is a file of rows on its way.
type list struct {
	r        *csv.Reader
	name     string
	shop     *shop
	now      time.Time
	columns  []string
	seen     map[string]int
	rows     []row
	problems []string
}

func (l *list) bad(line int, field, format string, args ...any) {
	if field != "" {
		field += ": "
	}
	l.problems = append(l.problems, fmt.Sprintf("%s:%d: %s%s", l.name, line, field, fmt.Sprintf(format, args...)))
}

// next is the next record and its line; false after the last, or where the text is no CSV.
func (l *list) next() ([]string, int, bool) {
	record, err := l.r.Read()
	var broken *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, false
	case errors.As(err, &broken):
		l.bad(broken.Line, "", "not readable as CSV: %v", broken.Err)
		return nil, 0, false
	case err != nil:
		l.bad(1, "", "it cannot be read to its end")
		return nil, 0, false
	}
	line, _ := l.r.FieldPos(0)
	return record, line, true
}

func (l *list) header() bool {
	record, line, ok := l.next()
	if !ok {
		return false
	}
	for i, column := range record {
		column = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(column, "\uFEFF")))
		if !slices.Contains([]string{"name", "created", "last4"}, column) || slices.Contains(l.columns, column) {
			l.bad(line, fmt.Sprintf("column %d", i+1), "unknown, or there twice: the header is name,created or name,created,last4")
			return false
		}
		l.columns = append(l.columns, column)
	}
	for _, column := range []string{"name", "created"} {
		if !slices.Contains(l.columns, column) {
			l.bad(line, column, "the column is missing: the header is name,created or name,created,last4")
		}
	}
	return len(l.problems) == 0
}

func (l *list) row() bool {
	record, line, ok := l.next()
	if !ok {
		return false
	}
	if len(record) != len(l.columns) {
		l.bad(line, "", "%d values where the header has %d columns", len(record), len(l.columns))
		return true
	}
	r := row{line: line}
	for i, column := range l.columns {
		value := strings.TrimSpace(record[i])
		if why := l.take(&r, column, value); why != "" {
			l.bad(line, column, "%s", why)
		}
	}
	l.rows = append(l.rows, r)
	return true
}

// take puts one value where it belongs, or says what is wrong with it.
func (l *list) take(r *row, column, value string) string {
	switch column {
	case "name":
		if l.shop.configured(value).Name == "" {
			return "no credential of that name is configured"
		}
		if first := l.seen[value]; first > 0 {
			return fmt.Sprintf("the same credential as in line %d", first)
		}
		l.seen[value], r.adoption.Credential = r.line, value
	case "created":
		when, err := creation(value)
		if err != nil {
			return "takes a day such as 2026-09-01, a time such as 2026-09-01T10:00:00Z, or nothing"
		}
		if policies.Earliest(when).After(l.now.Add(policies.Skew)) {
			return "is in the future"
		}
		r.adoption.Created = when
	case "last4":
		if value != "" && len(value) != 4 {
			return "takes the last four characters that the portal shows, or nothing"
		}
		r.adoption.Fragment = value
	}
	return ""
}
