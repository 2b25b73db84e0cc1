;;; paired.el --- paired as language server in Emacs  -*- lexical-binding: t -*-

;; Put here by `paired setup emacs' (which keeps it up to date, and takes it out with --remove), or by hand: load it
;; from init.el.
;;
;; lsp-mode runs several servers for one buffer: there paired stands beside the language's own server by itself.
;; Eglot (of Emacs 29, or from GNU ELPA) runs one: M-x paired-eglot puts paired in its place for the current project
;; and major mode, M-x eglot-shutdown gives it back.

;;; Code:

(defgroup paired nil "Findings, repairs and questions of paired." :group 'tools)

(defcustom paired-command '("paired" "lsp")
  "The program that serves, and its arguments."
  :type '(repeat string))

(defvar eglot-server-programs)
(declare-function eglot "eglot")
(declare-function lsp-register-client "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")

;;;###autoload
(defun paired-eglot ()
  "Let paired serve the current project's files of this major mode."
  (interactive)
  (require 'eglot)
  (let ((eglot-server-programs (list (cons major-mode paired-command))))
    (call-interactively #'eglot)))

(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection (lambda () paired-command))
                    :activation-fn (lambda (path _mode) (and path (locate-dominating-file path ".git") t))
                    :add-on? t
                    :priority -5
                    :server-id 'paired)))

(provide 'paired)
;;; paired.el ends here
