;;; -*- lexical-binding: t -*-
;; Inside of a batch Emacs: Eglot attaches `paired lsp` to a file as its users do, and says what the editor itself sees.
;; Environment: PAIRED, FILE. One line a check, "ok" or "FAIL"; the exit code tells.
(require 'package)
;; Debian's packages, which -Q leaves out.
(dolist (dir (file-expand-wildcards "/usr/share/emacs/site-lisp/elpa/*")) (push dir load-path))
(package-initialize)
(require 'eglot)
(require 'flymake)
(defvar passed 0)
(defvar failed 0)
(defun check (what good &optional detail)
  (if good (setq passed (1+ passed)) (setq failed (1+ failed)))
  (princ (format "%s%s%s\n" (if good "ok    " "FAIL  ") what (if detail (format "  (%s)" detail) "")))
  good)
(defun await (seconds test)
  (let ((end (+ (float-time) seconds)) value)
    (while (and (not (setq value (funcall test))) (< (float-time) end))
      (accept-process-output nil 0.02)
      (when (eglot-managed-p) (eglot--signal-textDocument/didChange)) ; idle timers sleep in batch mode
      (when flymake-mode (flymake-start)))
    value))
(defun finish ()
  (princ (format "%d passed, %d failed, 0 skipped\n" passed failed))
  (kill-emacs (if (= failed 0) 0 1)))
(defun reports (word)
  (seq-filter (lambda (d) (string-match-p word (flymake-diagnostic-text d))) (flymake-diagnostics)))

(setq eglot-sync-connect 15 eglot-autoshutdown t eglot-send-changes-idle-time 0.05
      eglot-confirm-server-initiated-edits nil)
(add-to-list 'eglot-server-programs (cons 'python-mode (list (getenv "PAIRED") "lsp")))
(find-file (getenv "FILE"))
(python-mode)
(setq-local project-find-functions (list (lambda (dir) (cons 'transient dir))))
(condition-case e
    (eglot (list 'python-mode) (cons 'transient (file-name-directory (getenv "FILE"))) 'eglot-lsp-server
           (list (getenv "PAIRED") "lsp") "python")
  (error (check "attaches" nil e) (finish)))
(check "attaches" (eglot-managed-p))
(check "findings arrive" (await 15 (lambda () (reports "shared by all calls"))))
(let ((d (car (reports "shared by all calls"))))
  (check "at their place" (and d (= 22 (line-number-at-pos (flymake-diagnostic-beg d))))))

(goto-char (point-min))
(forward-line 21)
(let* ((answer (jsonrpc-request (eglot--current-server-or-lose) :textDocument/codeAction
                                (list :textDocument (eglot--TextDocumentIdentifier)
                                      :range (list :start (eglot--pos-to-lsp-position (line-beginning-position))
                                                   :end (eglot--pos-to-lsp-position (line-end-position)))
                                      :context '(:diagnostics []))))
       (repair (seq-find (lambda (a) (string-match-p "^Repair.*mutable-default" (plist-get a :title))) answer)))
  (check "a repair is offered" repair)
  (when repair
    (unless (plist-get repair :edit)
      (setq repair (jsonrpc-request (eglot--current-server-or-lose) :codeAction/resolve repair)))
    (eglot--apply-workspace-edit (plist-get repair :edit) nil)
    (check "it is applied" (string-match-p "found=None" (buffer-string)))
    (check "its finding goes" (await 15 (lambda () (not (reports "shared by all calls")))))))

;; The texts stay in step: edits with characters of two UTF-16 units, then a finding behind them all.
(let ((words ["x = 1" "# ä €" "# 😀 smile" "y = '👩‍💻'"]) (i 0))
  (while (< i 120)
    (goto-char (point-min))
    (forward-line (mod (* i 7) (count-lines (point-min) (point-max))))
    (insert (aref words (mod i 4)) "\n")
    (when (= 0 (mod i 10)) (accept-process-output nil 0.06) (eglot--signal-textDocument/didChange))
    (setq i (1+ i))))
(goto-char (point-max))
(insert "\n\ndef late(rows, seen=[]):\n    seen.append(rows)\n    return seen\n")
(eglot--signal-textDocument/didChange)
(let ((line (- (line-number-at-pos (point-max)) 3)))
  (save-buffer)
  (check "after 120 edits a new finding stands on its line"
         (await 15 (lambda () (seq-find (lambda (d) (= line (line-number-at-pos (flymake-diagnostic-beg d))))
                                        (reports "seen is shared"))))
         line))
(let ((answer (jsonrpc-request (eglot--current-server-or-lose) :workspace/executeCommand
                               '(:command "paired.ask" :arguments [(:question "where is the total summed up?")]))))
  (check "a question is answered" (string-match-p "shop.py" (plist-get answer :text))))
(eglot-shutdown (eglot--current-server-or-lose) nil 10)
(check "it leaves in order" (not (eglot-managed-p)))
(finish)
