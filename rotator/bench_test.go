package rotator

import "testing"

// BenchmarkDecide asks in the quiet scene, in which every row of the list is asked and the last one answers: the dearest
// question there is.
func BenchmarkDecide(b *testing.B) {
	for _, k := range stateKeys() {
		b.Run(string(k.lane)+"/"+string(k.state), func(b *testing.B) {
			c := quiet(k.lane, k.state)
			b.ReportAllocs()
			for b.Loop() {
				decide(c.sp, c.r, c.s, c.now)
			}
		})
	}
}

// BenchmarkLearn takes one full look in: three places, two consumers, a triple.
func BenchmarkLearn(b *testing.B) {
	c := quiet(Routine, AwaitingRevocation)
	b.ReportAllocs()
	for b.Loop() {
		learn(c.sp, c.r, c.s, c.now)
	}
}
