package main

import "testing"

func TestWarm(t *testing.T) {}
