package backendtest

import "context"

// T is what the suite needs of a test. It is an interface so that the suite can also be run where there is no test, on
// somebody's own backend.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any) // must end the calling goroutine
	TempDir() string
	Context() context.Context
	Run(name string, f func(T)) bool
}

// New makes a T of a *testing.T, without importing it.
func New[N native[N]](t N) T { return adapter[N]{t} }

// native is the shape of *testing.T, whose Run hands over its own type again.
type native[N any] interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	TempDir() string
	Context() context.Context
	Run(name string, f func(N)) bool
}

type adapter[N native[N]] struct{ t N }

func (a adapter[N]) Helper()                           { a.t.Helper() }
func (a adapter[N]) Logf(format string, args ...any)   { a.t.Helper(); a.t.Logf(format, args...) }
func (a adapter[N]) Errorf(format string, args ...any) { a.t.Helper(); a.t.Errorf(format, args...) }
func (a adapter[N]) Fatalf(format string, args ...any) { a.t.Helper(); a.t.Fatalf(format, args...) }
func (a adapter[N]) TempDir() string                   { return a.t.TempDir() }
func (a adapter[N]) Context() context.Context          { return a.t.Context() }
func (a adapter[N]) Run(name string, f func(T)) bool {
	return a.t.Run(name, func(t N) { f(New(t)) })
}
