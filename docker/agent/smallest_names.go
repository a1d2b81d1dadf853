package main

import (
	"container/heap"
	"sort"
)

// smallestNames keeps the smallest of many names, however many there are: a heap with the greatest at its top.
type smallestNames struct {
	limit    int
	names    nameHeap
	more     bool // some were not kept
	greatest string
}

func (s *smallestNames) add(name string) {
	if len(s.names) < s.limit {
		heap.Push(&s.names, name)
		return
	}
	s.more = true
	if name < s.names[0] {
		s.names[0] = name
		heap.Fix(&s.names, 0)
	}
}

func (s *smallestNames) sorted() []string {
	sort.Strings(s.names)
	if len(s.names) > 0 {
		s.greatest = s.names[len(s.names)-1]
	}
	return s.names
}

type nameHeap []string

func (h nameHeap) Len() int           { return len(h) }
func (h nameHeap) Less(i, j int) bool { return h[i] > h[j] }
func (h nameHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *nameHeap) Push(name any)     { *h = append(*h, name.(string)) }
func (h *nameHeap) Pop() any {
	last := len(*h) - 1
	name := (*h)[last]
	*h = (*h)[:last]
	return name
}
