package main

import (
	"fmt"
	"slices"
	"testing"
)

func TestTheSmallestNamesAreKept(t *testing.T) {
	s := &smallestNames{limit: 3}
	for i := 0; i < 1000; i++ {
		s.add(fmt.Sprintf("%03d", i*7%1000))
	}
	if got := s.sorted(); !slices.Equal(got, []string{"000", "001", "002"}) || !s.more {
		t.Fatalf("%v, %v", got, s.more)
	}
	few := &smallestNames{limit: 3}
	few.add("b")
	few.add("a")
	if got := few.sorted(); !slices.Equal(got, []string{"a", "b"}) || few.more {
		t.Fatalf("%v, %v", got, few.more)
	}
}
