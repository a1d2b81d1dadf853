package main

import (
	"strings"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"", "anything", true},
		{"*.py", "a.py", true}, {"*.py", "dir/a.py", true}, {"*.py", "a.pyc", false}, {"*.py", ".py", true},
		{"a?c", "abc", true}, {"a?c", "aéc", true}, {"a?c", "ac", false}, {"a?c", "a\xffc", true},
		{"[abc]x", "bx", true}, {"[a-c]x", "cx", true}, {"[a-c]x", "dx", false}, {"[!a-c]x", "dx", true}, {"[^a]x", "ax", false},
		{"[]]", "]", true}, {"[a", "[a", true}, {"[a", "a", false}, {"[é]", "é", true}, {"[a-]", "-", true}, {"[*]", "*", true}, {"[*]", "x", false},
		{"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"***", "x", true}, {"a\\*", "a\\b", true}, {"*", "", true},
		{"src/*.go", "src/a.go", true}, {"src/*.go", "a.go", false}, {"src/*.go", "src/x/a.go", false}, {"/src/*.go", "src/a.go", true},
		{"src/**/*.go", "src/a.go", true}, {"src/**/*.go", "src/x/y/a.go", true}, {"**/*.go", "a.go", true}, {"**/a", "x/y/a", true},
		{"a/**", "a", true}, {"a/**", "a/b/c", true}, {"a/**/b/**/c", "a/x/b/y/z/c", true}, {"a/**/b/**/c", "a/x/y/c", false},
		{"**/x/**", "a/b/x/c", true}, {"a/**b", "a/xb", true}, {"a/**b", "a/x/b", false},
	} {
		if got := newGlob(c.pattern).matches(c.path); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.path, got)
		}
	}
}

func TestAGlobThatCanOnlyBeASlipIsRefused(t *testing.T) {
	for pattern, wrong := range map[string]bool{
		"": false, "*": false, "[a-c]": false, "[]a]": false, "[[]x": false, "a]": false, "[!]]": false, "x/[ab]/**": false,
		"[": true, "[abc": true, "a[": true, "[]": true, "[!]": true, "[a/b]": true, "x/[ab": true, "[z-a]": true, "[a-cz-y]": true,
	} {
		if err := newGlob(pattern).check(); (err != nil) != wrong {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestGlobTakesNoTimeWhateverThePattern(t *testing.T) {
	begin := time.Now()
	newGlob(strings.Repeat("*a", 100) + "b").matches(strings.Repeat("a", 255))
	newGlob(strings.Repeat("**/a/", 100) + "b").matches(strings.Repeat("a/", 1000) + "c")
	newGlob(strings.Repeat("[", 4000)).matches(strings.Repeat("[", 255))
	if took := time.Since(begin); took > time.Second {
		t.Fatalf("%v", took)
	}
}
