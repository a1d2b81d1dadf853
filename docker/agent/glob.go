package main

import (
	"strings"
	"unicode/utf8"
)

// glob is a pattern with * ? and [ ]. Where it holds a slash it is for paths, and ** stands for any number of
// directories. Matching takes time in proportion to pattern times text, whatever the pattern.
type glob struct {
	parts []string
	whole bool // for paths
}

func newGlob(pattern string) *glob {
	if pattern == "" {
		return nil
	}
	if !strings.Contains(pattern, "/") {
		return &glob{parts: []string{pattern}}
	}
	parts := strings.Split(strings.Trim(pattern, "/"), "/")
	return &glob{parts: parts, whole: true}
}

// check refuses what can only be a slip: it would match nothing, or something else than was meant.
func (g *glob) check() error {
	if g == nil {
		return nil
	}
	for _, part := range g.parts {
		for at := 0; at < len(part); at++ {
			if part[at] != '[' {
				continue
			}
			used, ordered := readClass(part[at:], nil)
			switch {
			case used == 0:
				return fail("bad_request", "the pattern has a [ without its ]; the bracket itself is [[]")
			case !ordered:
				return fail("bad_request", "the pattern has a range that ends before it begins")
			}
			at += used - 1
		}
	}
	return nil
}

// matches is asked for a path below the directory that is listed.
func (g *glob) matches(below string) bool {
	if g == nil {
		return true
	}
	if !g.whole {
		return matchName(g.parts[0], below[strings.LastIndexByte(below, '/')+1:])
	}
	return matchParts(g.parts, strings.Split(below, "/"))
}

// matchParts matches whole names, going back only to the last **: what an earlier one would take, that one can too.
func matchParts(pattern, names []string) bool {
	p, n := 0, 0
	starP, starN := -1, 0
	for n < len(names) {
		switch {
		case p < len(pattern) && pattern[p] == "**":
			starP, starN = p, n
			p++
		case p < len(pattern) && matchName(pattern[p], names[n]):
			p++
			n++
		case starP >= 0:
			starN++
			p, n = starP+1, starN
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}

// matchName matches one name, in the same way. A character is a UTF-8 one, or a byte that belongs to none.
func matchName(pattern, name string) bool {
	p, n := 0, 0
	starP, starN := -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			starP, starN = p, n
			p++
			continue
		}
		_, width := utf8.DecodeRuneInString(name[n:])
		if used, ok := matchOne(pattern[p:], name[n:n+width]); ok {
			p += used
			n += width
			continue
		}
		if starP < 0 {
			return false
		}
		_, width = utf8.DecodeRuneInString(name[starN:])
		starN += width
		p, n = starP+1, starN
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one character with the beginning of pattern, and tells how much of that it used.
func matchOne(pattern, character string) (used int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if used, in := matchClass(pattern, character); used > 0 {
			return used, in
		}
		// Not closed: a bracket as any other character.
	}
	_, width := utf8.DecodeRuneInString(pattern)
	return width, pattern[:width] == character
}

// matchClass matches [abc], [a-z] and [!abc]. used is 0 where it has no end.
func matchClass(pattern, character string) (used int, in bool) {
	c, _ := utf8.DecodeRuneInString(character)
	used, _ = readClass(pattern, func(low, high rune) { in = in || low <= c && c <= high })
	negated := len(pattern) > 1 && (pattern[1] == '!' || pattern[1] == '^')
	return used, used > 0 && in != negated
}

// readClass tells each of the ranges of a class; a ] right at the beginning belongs to it. used is 0 where it has no end,
// ordered false where a range ends before it begins.
func readClass(pattern string, tell func(low, high rune)) (used int, ordered bool) {
	at := 1
	if at < len(pattern) && (pattern[at] == '!' || pattern[at] == '^') {
		at++
	}
	ordered = true
	for first := at; ; {
		if at >= len(pattern) {
			return 0, false
		}
		if pattern[at] == ']' && at > first {
			return at + 1, ordered
		}
		low, width := utf8.DecodeRuneInString(pattern[at:])
		at += width
		high := low
		if at+1 < len(pattern) && pattern[at] == '-' && pattern[at+1] != ']' {
			high, width = utf8.DecodeRuneInString(pattern[at+1:])
			at += 1 + width
		}
		ordered = ordered && low <= high
		if tell != nil {
			tell(low, high)
		}
	}
}
