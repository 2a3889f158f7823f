// Package mutant is compiled into an instrumented copy only, by an overlay: the copy holds every mutant at once, and the
// environment says which one is awake in this process. Nothing of the product imports it.
package mutant

import (
	"cmp"
	"os"
	"strconv"
	"sync"
)

// Names of the environment: the number of the mutant that is awake, and the file that takes the numbers of the mutants
// that were reached, one a line.
const (
	awakeName = "QUARTERTURN_MUTANT"
	reachName = "QUARTERTURN_MUTANT_REACH"
)

var (
	awake = number(os.Getenv(awakeName))
	reach = os.Getenv(reachName)
	known sync.Map
)

func number(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return -1
}

// On reports whether mutant n is awake.
func On(n int) bool {
	if reach != "" {
		note(n)
	}
	return n == awake
}

// note writes at once: nobody says when a process ends, least of all one that is killed.
func note(n int) {
	if _, before := known.LoadOrStore(n, true); before {
		return
	}
	f, err := os.OpenFile(reach, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic("mutation testing: " + err.Error())
	}
	_, err = f.WriteString(strconv.Itoa(n) + "\n")
	if cerr := f.Close(); err != nil || cerr != nil {
		panic("mutation testing: what was reached could not be written")
	}
}

// Keep guards a statement that n leaves out.
func Keep(n int) bool { return !On(n) }

// Not is b, and its opposite under n.
func Not[B ~bool](n int, b B) B { return b != B(On(n)) }

// And is a && b, and a || b under n.
func And(n int, a bool, b func() bool) bool {
	if On(n) {
		return a || b()
	}
	return a && b()
}

// Or is a || b, and a && b under n.
func Or(n int, a bool, b func() bool) bool {
	if On(n) {
		return a && b()
	}
	return a || b()
}

// Lt is a < b, and a <= b under n.
func Lt[T cmp.Ordered](n int, a, b T) bool { return a < b || On(n) && a == b }

// Le is a <= b, and a < b under n.
func Le[T cmp.Ordered](n int, a, b T) bool { return a < b || !On(n) && a == b }

// Gt is a > b, and a >= b under n.
func Gt[T cmp.Ordered](n int, a, b T) bool { return a > b || On(n) && a == b }

// Ge is a >= b, and a > b under n.
func Ge[T cmp.Ordered](n int, a, b T) bool { return a > b || !On(n) && a == b }

// Integer is what can be counted with.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Add is a + b, and a - b under n.
func Add[T Integer](n int, a, b T) T {
	if On(n) {
		return a - b
	}
	return a + b
}

// Sub is a - b, and a + b under n.
func Sub[T Integer](n int, a, b T) T {
	if On(n) {
		return a + b
	}
	return a - b
}

// Mul is a * b, and a + b under n.
func Mul[T Integer](n int, a, b T) T {
	if On(n) {
		return a + b
	}
	return a * b
}

// Quo is a / b, and a * b under n.
func Quo[T Integer](n int, a, b T) T {
	if On(n) {
		return a * b
	}
	return a / b
}

// More is v, and one more under n.
func More[T Integer](n int, v T) T {
	if On(n) {
		return v + 1
	}
	return v
}

// Twice is v, and double that under n.
func Twice[T Integer](n int, v T) T {
	if On(n) {
		return v * 2
	}
	return v
}

// Other is v, and a value that nothing has under n.
func Other[S ~string](n int, v S) S {
	if On(n) {
		return v + "?"
	}
	return v
}

// Text is the first of the texts, and the one after it under n, the one after that under n+1, and so on.
func Text(n int, texts ...string) string {
	for i, t := range texts[1:] {
		if On(n + i) {
			return t
		}
	}
	return texts[0]
}

// Zero is v, and nothing under n.
func Zero[T any](n int, v T) T {
	if On(n) {
		v = *new(T)
	}
	return v
}

// Two passes two results on. Under n the first is nothing, under m the second; a negative number stands for never.
func Two[A, B any](a A, b B) func(n, m int) (A, B) {
	return func(n, m int) (A, B) { return zero(n, a), zero(m, b) }
}

// Three passes three results on. Under n the first two are nothing, under m the third.
func Three[A, B, C any](a A, b B, c C) func(n, m int) (A, B, C) {
	return func(n, m int) (A, B, C) {
		if n >= 0 && On(n) {
			a, b = *new(A), *new(B)
		}
		return a, b, zero(m, c)
	}
}

func zero[T any](n int, v T) T {
	if n >= 0 && On(n) {
		v = *new(T)
	}
	return v
}

// Rows is the list; under n+i without its i-th entry, and under n+len+i with that and the next one changed about.
func Rows[S ~[]E, E any](n int, list S) S {
	for i := range list {
		if On(n + i) {
			return append(append(S{}, list[:i]...), list[i+1:]...)
		}
	}
	for i := range len(list) - 1 {
		if On(n + len(list) + i) {
			turned := append(S{}, list...)
			turned[i], turned[i+1] = turned[i+1], turned[i]
			return turned
		}
	}
	return list
}
