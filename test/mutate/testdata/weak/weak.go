// Package weak is small and badly tested on purpose: which of its mutants live is known.
package weak

import (
	"errors"
	"time"
)

const patience = 2 * time.Hour

// Case is what is decided on.
type Case struct {
	Count int
	Kind  string
	Since time.Duration
}

// Answer is what was decided.
type Answer struct {
	Do    string
	Loud  bool
	Tries int
}

type row func(Case) (Answer, bool)

func rows() []row { return []row{refuse, late, many} }

// Decide takes the first row that answers.
func Decide(c Case) Answer {
	for _, r := range rows() {
		if a, ok := r(c); ok {
			return a
		}
	}
	return Answer{Do: "wait"}
}

func refuse(c Case) (Answer, bool) {
	switch c.Kind {
	case "bad":
		return Answer{Do: "stop", Loud: true}, true
	}
	return Answer{}, false
}

func late(c Case) (Answer, bool) {
	if c.Since > patience && c.Count != 7 {
		return Answer{Do: "hurry", Tries: c.Count + 1}, true
	}
	return Answer{}, false
}

func many(c Case) (Answer, bool) {
	if c.Count >= 10 || c.Kind == "many" {
		return Answer{Do: "split"}, true
	}
	return Answer{}, false
}

// Check refuses what nobody can do.
func Check(c Case, seen map[string]int) error {
	seen[c.Kind]++
	if c.Count < 0 {
		return errors.New("less than nothing")
	}
	return nil
}

// Query is how many are found.
func Query(find func(string, ...any) int) int {
	return find("SELECT n FROM cases WHERE count > ? AND kind = ? ORDER BY n", 3, "bad")
}
