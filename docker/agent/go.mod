module codebeaker/agent

go 1.21
