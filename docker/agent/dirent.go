package main

import (
	"bytes"
	"encoding/binary"
)

// dirent is one record of getdents64(2).
type dirent struct {
	name []byte
	kind byte
}

const (
	kindUnknown   = 0
	kindDirectory = 4

	direntKindAt = 18
	direntNameAt = 19
)

// eachDirent calls visit for every record but "." and "..", until it returns false. Names are valid during the call.
func eachDirent(records []byte, visit func(dirent) bool) {
	for len(records) > direntNameAt {
		length := int(binary.LittleEndian.Uint16(records[16:]))
		if length <= direntNameAt || length > len(records) {
			return
		}
		name := records[direntNameAt:length]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		kind := records[direntKindAt]
		records = records[length:]
		if string(name) == "." || string(name) == ".." {
			continue
		}
		if !visit(dirent{name: name, kind: kind}) {
			return
		}
	}
}
