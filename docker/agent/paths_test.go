package main

import (
	"strings"
	"testing"
)

func TestCleanPath(t *testing.T) {
	for asked, want := range map[string]string{
		"a":                       "/workspace/a",
		"./a//b/":                 "/workspace/a/b",
		".":                       "/workspace",
		"a/../b":                  "/workspace/b",
		"/workspace":              "/workspace",
		"/workspace/":             "/workspace",
		"/workspace/a/../b":       "/workspace/b",
		"/tmp/x":                  "/tmp/x",
		"/tmp/../etc/passwd":      "/etc/passwd",
		"/workspace2/../x":        "/x",
		"/":                       "/",
		"//etc":                   "/etc",
		"-rf":                     "/workspace/-rf",
		"a\nb":                    "/workspace/a\nb",
		"...":                     "/workspace/...",
		strings.Repeat("a", 4096): "/workspace/" + strings.Repeat("a", 4096),
	} {
		if got, err := cleanPath(asked); err != nil || got != want {
			t.Errorf("%.40q: %.40q, %v", asked, got, err)
		}
	}
	for _, asked := range []string{
		"", "a\x00b", "..", "../x", "a/../../x", "a/../../workspace/x", "/workspace/..", "/workspace/../etc/passwd",
		"/workspace/../workspace/x", strings.Repeat("a", 4097),
	} {
		if got, err := cleanPath(asked); err == nil || asFailure(err).Code != "invalid_path" {
			t.Errorf("%.40q: %.40q, %v", asked, got, err)
		}
	}
}

func TestShortenKeepsCharactersWhole(t *testing.T) {
	for limit := 0; limit < 7; limit++ {
		if got := shorten("aé€b", limit); !strings.HasSuffix(got, "…") && got != "aé€b" || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%d: %q", limit, got)
		}
	}
}
