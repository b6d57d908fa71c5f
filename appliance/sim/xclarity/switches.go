package xclarity

import "holdfast/appliance/sim/kit"

// Names of the switches; what each one plays is told in known.
const (
	swLockLocation   = "lock-location"
	swEmptyList      = "empty-list"
	swLockList       = "lock-list"
	swLockUnknown    = "lock-unknown"
	swLockDuplicate  = "lock-duplicate"
	swLockCase       = "lock-case"
	swLockForbidden  = "lock-forbidden"
	swLockTimeout    = "lock-timeout"
	swDebugShell     = "dbgshell"
	swRefusal        = "transfer-refused"
	swConflict       = "transfer-conflict"
	swCancelIdle     = "cancel-push-idle"
	swNoSpace        = "no-space"
	swDataMessage    = "data-message"
	swJobIDKey       = "job-id-key"
	swPushTarget     = "push-target"
	swPushUnknown    = "push-unknown"
	swLocationKey    = "location-key"
	swLabels         = "labels"
	swRecovery       = "recovery"
	swEnvelope       = "envelope"
	swResultWord     = "result-word"
	swSuccessBody    = "success-body"
	swMessageText    = "message-text"
	swPercentage     = "percentage"
	swJobUID         = "job-uid"
	swSummary        = "summary"
	swCancelFinished = "job-cancel-finished"
	swCancelJob      = "job-cancel"
	swDeleteRunning  = "task-delete-running"
	swContentType    = "content-type"
	swSizes          = "sizes"
	swNumbers        = "numbers"
	swBooleans       = "booleans"
	swTimestamps     = "timestamps"
	swDateHeader     = "date-header"
	swHeaders        = "headers"
	swGzip           = "gzip"
	swLoginRefused   = "login-refused"
	swSessionExpired = "session-expired"
	swSessionLimit   = "session-limit"
	swCSRFOnGet      = "csrf-on-get"
	swPasswordDays   = "password-days"
	swAway           = "away"
	swRestore        = "restore"

	swQuiesce           = "quiesce"
	swQuiesceAnswer     = "quiesce-answer"
	swPassphraseRule    = "passphrase-rule"
	swWrongPassphrase   = "wrong-passphrase"
	swOtherVersion      = "other-version"
	swUnprepared        = "restore-unprepared"
	swRestorePassphrase = "restore-passphrase"
	swProcessAnswer     = "process-answer"
	swProcessNothing    = "process-nothing"
	swUnmounted         = "share-unmounted"
	swDeletePart        = "delete-all-unmounted"
)

// known is every behaviour that Lenovo's documents leave open (api/lxca.md 7) and every shape that real appliances were
// seen to use (api/lxca.md 5 and 6).
var known = []kit.Switch{
	{Name: swLockLocation, About: "Location header of a new lock", Values: []string{"relative", "bare", "absolute", "missing"}},
	{Name: swEmptyList, About: "lock list when there is none: 204, or 200 with [], null or no body",
		Values: []string{"204", "array", "null", "empty"}},
	{Name: swLockList, About: "lock list: an array, an object around it, or a bare object when there is exactly one",
		Values: []string{"array", "wrapped", "single"}},
	{Name: swLockUnknown, About: "GET of a lock that is not there (empty: 200 without a body)",
		Values: []string{"404", "204", "400", "empty"}},
	{Name: swLockDuplicate, About: "a second lock for one component", Values: []string{"allowed", "400"}},
	{Name: swLockCase, About: "letters in a lock id", Values: []string{"lower", "upper"}},
	{Name: swLockForbidden, About: "body of the 403 for making or deleting a lock without Supervisor",
		Values: []string{"envelope", "html"}},
	{Name: swLockTimeout, About: "expirationTimeOut in lists", Values: []string{"original", "remaining"}},
	{Name: swDebugShell, About: "a dbgshell account keeps SFTP running when the last lock is deleted",
		Values: []string{"absent", "present"}},
	{Name: swRefusal, About: "code for an unknown uuid or mount point, a move to internal, a copy to where it already is",
		Values: []string{"400", "404"}},
	{Name: swConflict, About: "code for a second push and for a backup in use", Values: []string{"400", "403", "409"}},
	{Name: swCancelIdle, About: "cancel push when none runs", Values: []string{"400", "success"}},
	{Name: swNoSpace, About: "not enough space at copy: the job fails, or 400 at once", Values: []string{"job", "400"}},
	{Name: swDataMessage, About: "messages of PUT /managementServer/data",
		Values: []string{"object", "array", "messages"}},
	{Name: swJobIDKey, About: "where PUT /managementServer/data tells the job (empty: it does not)",
		Values: []string{"jobId", "number", "jobID", "JobID", "jobid", "taskid", "jobURL", "location", "empty"}},
	{Name: swPushTarget, About: "push to an appliance that is not new or cannot be reached", Values: []string{"job", "400"}},
	{Name: swPushUnknown, About: "push to an unknown address: tries for 5 s, or fails at once",
		Values: []string{"slow", "at-once"}},
	{Name: swLocationKey, About: "key of a backup's places: array, one string, array of objects",
		Values: []string{"locations", "location", "mountPoints"}},
	{Name: swLabels, About: "labels of backups, plain or with control characters", Values: []string{"plain", "hostile"}},
	{Name: swRecovery, About: "recovery of a message", Values: []string{"object", "array", "string"}},
	{Name: swEnvelope, About: "envelope of messages", Values: []string{"result", "status-code", "message"}},
	{Name: swResultWord, About: "the word for a failure", Values: []string{"failed", "failure", "FAILED"}},
	{Name: swSuccessBody, About: "body of a success that has nothing to tell", Values: []string{"envelope", "empty", "object"}},
	{Name: swMessageText, About: "words of messages", Values: []string{"plain", "html", "portuguese", "hostile"}},
	{Name: swPercentage, About: "percentage of a job", Values: []string{"float", "int", "string"}},
	{Name: swJobUID, About: "job ids in /tasks", Values: []string{"string", "number"}},
	{Name: swSummary, About: "summary of a job: formatted text or a string", Values: []string{"nodes", "string"}},
	{Name: swCancelFinished, About: "cancel of a finished job", Values: []string{"400", "412"}},
	{Name: swCancelJob, About: "PUT /tasks cancel of a running transfer: it is cancelled, or refused and goes on",
		Values: []string{"cancelled", "400"}},
	{Name: swDeleteRunning, About: "DELETE of a running job", Values: []string{"400", "412"}},
	{Name: swContentType, About: "content type of answers, and of error pages", Values: []string{"vendor", "json", "html-errors"}},
	{Name: swSizes, About: "sizes and counts of backups and of the repository", Values: []string{"string", "number"}},
	{Name: swNumbers, About: "other numbers", Values: []string{"number", "string"}},
	{Name: swBooleans, About: "truth values", Values: []string{"plain", "string"}},
	{Name: swTimestamps, About: "form of time stamps",
		Values: []string{"documented", "seconds", "offset", "space", "dashes", "underscore", "words", "epoch", "empty"}},
	{Name: swDateHeader, About: "the Date header", Values: []string{"present", "missing", "malformed", "cached"}},
	{Name: swHeaders, About: "usual headers once or twice", Values: []string{"once", "twice"}},
	{Name: swGzip, About: "compress answers for clients that accept it", Values: []string{"off", "on"}},
	{Name: swLoginRefused, About: "POST /sessions with wrong credentials", Values: []string{"403", "401", "400"}},
	{Name: swSessionExpired, About: "request with a session that has ended", Values: []string{"401", "403", "406"}},
	{Name: swSessionLimit, About: "login over the limit of sessions", Values: []string{"403", "400"}},
	{Name: swCSRFOnGet, About: "token header on a GET in a session", Values: []string{"ignored", "required"}},
	{Name: swPasswordDays, About: "days until passwords end", Values: []string{"90", "10", "1", "0"}},
	{Name: swAway, About: "how an appliance that is away behaves: 503 or a closed connection", Values: []string{"503", "close"}},
	{Name: swRestore, About: "after a restore start: connections closed for a while and a new certificate, or nothing",
		Values: []string{"refused", "none"}},
	{Name: swQuiesce, About: "while a backup is made: connections closed at both ends and 503 to all but quiesce between " +
		"(silent), everything answered between (status), or always (none)", Values: []string{"silent", "status", "none"}},
	{Name: swQuiesceAnswer, About: "GET /managementServer/quiesce: bare, beside an envelope, or within response",
		Values: []string{"bare", "envelope", "response"}},
	{Name: swPassphraseRule, About: "which passphrases a new backup may have", Values: []string{"any", "min-8"}},
	{Name: swWrongPassphrase, About: "a wrong passphrase: the job fails, or 400 at once", Values: []string{"job", "400"}},
	{Name: swOtherVersion, About: "a package of another version is processed or prepared: the job fails, 400, or no matter",
		Values: []string{"job", "400", "accepted"}},
	{Name: swUnprepared, About: "restore of a package that was not prepared", Values: []string{"400", "allowed"}},
	{Name: swRestorePassphrase, About: "the passphrase at the start of a restore", Values: []string{"ignored", "needed"}},
	{Name: swProcessAnswer, About: "answer to process: with the job as PUT /managementServer/data tells it, or without",
		Values: []string{"job", "envelope"}},
	{Name: swProcessNothing, About: "process when no package came in", Values: []string{"400", "404"}},
	{Name: swUnmounted, About: "a share that is not mounted: the job fails, or 400 at once", Values: []string{"job", "400"}},
	{Name: swDeletePart, About: "delete everywhere with a share not mounted: refused, or done elsewhere with a warning",
		Values: []string{"refused", "warning"}},
}

// Switches lists the switches of a simulated LXCA, each with its default first.
func Switches() []kit.Switch { return append([]kit.Switch(nil), known...) }
