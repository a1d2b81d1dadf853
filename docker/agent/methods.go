package main

// handler answers one request, by itself or by returning an error.
type handler func(a *agent, ex *exchange, head []byte) error

var methods map[string]handler

// Filled here and not where it is declared: handlers lead back to it.
func init() {
	methods = map[string]handler{
		"claim": (*agent).claim,
		"info":  (*agent).info,

		"run":     (*agent).run,
		"start":   (*agent).start,
		"attach":  (*agent).attach,
		"wait":    (*agent).wait,
		"write":   (*agent).write,
		"resize":  (*agent).resize,
		"signal":  (*agent).signal,
		"kill":    (*agent).kill,
		"release": (*agent).release,

		"write_file":       (*agent).writeFile,
		"read_file":        (*agent).readFile,
		"download":         (*agent).download,
		"list_directory":   (*agent).listDirectory,
		"stat_file":        (*agent).statFile,
		"create_directory": (*agent).createDirectory,
		"copy_file":        (*agent).copyFile,
		"move_file":        (*agent).moveFile,
		"delete_file":      (*agent).deleteFile,
	}
}
