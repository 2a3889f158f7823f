package secret_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

// panicKind names, for a child process of this test binary, what to panic with; the secret comes by stdin.
const panicKind = "QUARTERTURN_TEST_PANIC"

func TestMain(m *testing.M) {
	if kind := os.Getenv(panicKind); kind != "" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			os.Exit(1)
		}
		die(kind, string(text))
	}
	os.Exit(m.Run())
}

// named is a string that the runtime prints when it is panicked with.
type named string

func die(kind, text string) {
	v := secret.New(text)
	switch kind {
	case "planted":
		panic(named(text))
	case "planted error":
		panic(fmt.Errorf("failed with %q", text))
	case "value":
		panic(v)
	case "pointer":
		panic(&v)
	case "struct":
		panic(hold(v))
	case "material":
		panic(secret.Material{"secret": v})
	case "error":
		panic(fmt.Errorf("outer: %w", carrier[secret.Value]{v}))
	case "in a call":
		crash(v, secret.Material{"secret": v}, nil)
	case "from a goroutine":
		go crash(v, secret.Material{"secret": v}, nil)
		select {}
	case "panic again":
		defer func() { panic(fmt.Sprint(recover(), v)) }()
		panic(v)
	}
}

// crash faults with secrets among the arguments that a stack trace shows.
//
//go:noinline
func crash(v secret.Value, m secret.Material, at *int) {
	*at = len(v.Reveal()) + len(m)
}

func TestDyingProcessDoesNotLeak(t *testing.T) {
	kinds := []string{"value", "pointer", "struct", "material", "error", "in a call", "from a goroutine", "panic again"}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			text := secrettest.Canary(40)
			if found := secrettest.Find(lastWords(t, kind, text), text); found != nil {
				t.Errorf("leaked: %v", found)
			}
		})
	}
}

func TestDyingProcessIsWatched(t *testing.T) {
	for _, kind := range []string{"planted", "planted error"} {
		text := secrettest.Canary(40)
		if secrettest.Find(lastWords(t, kind, text), text) == nil {
			t.Errorf("%s: not seen", kind)
		}
	}
}

// lastWords is what the child printed; it must have died of the panic.
func lastWords(t *testing.T, kind, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), panicKind+"="+kind, "GOTRACEBACK=all")
	child.Stdin, child.Stdout, child.Stderr = strings.NewReader(text), &out, &out
	err := child.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(out.String(), "goroutine ") {
		t.Fatalf("the child did not panic: %v", err)
	}
	return out.Bytes()
}
