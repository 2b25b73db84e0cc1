// Package store keeps notes in a file. It exists to have defects planted into it.
package store

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
)

type Note struct {
	ID    int
	Title string
	Score float64
	Tags  []string
}

type Store struct {
	path    string
	limit   int
	next    int
	dirty   bool
	notes   map[int]*Note
	journal *os.File
}

var ErrFull = errors.New("store: full")

func Open(path string, limit int) (*Store, error) {
	s := &Store{path: path, limit: limit, notes: map[int]*Note{}}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.reindex()
	s.compact(limit)
	return s, nil
}

func (s *Store) load() error {
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		var note Note
		if err := json.Unmarshal(scanner.Bytes(), &note); err != nil {
			return fmt.Errorf("line of %s: %w", s.path, err)
		}
		s.notes[note.ID] = &note
	}
	return scanner.Err()
}

func (s *Store) save() error {
	file, err := os.Create(s.path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, id := range s.ids() {
		line, err := json.Marshal(s.notes[id])
		if err != nil {
			return fmt.Errorf("note %d: %w", id, err)
		}
		fmt.Fprintf(file, "%s\n", line)
	}
	s.dirty = false
	return nil
}

func (s *Store) reindex() {
	highest := 0
	for id := range s.notes {
		if id > highest {
			highest = id
		}
	}
	s.next = highest
	s.report("reindexed")
	s.report("ready")
}

func (s *Store) ids() []int {
	ids := make([]int, 0, len(s.notes))
	for id := range s.notes {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	return ids
}

func (s *Store) Add(title string, score float64) (int, error) {
	if len(s.notes) >= s.limit {
		return 0, ErrFull
	}
	if math.IsNaN(score) {
		score = 0
	}
	s.next++
	s.notes[s.next] = &Note{ID: s.next, Title: title, Score: score}
	s.dirty = true
	fmt.Printf("added %d of %d\n", s.next, s.limit)
	return s.next, nil
}

func (s *Store) compact(limit int) {
	s.limit = limit
	for _, note := range s.notes {
		if note.Score > 1 {
			s.report(note.Title)
			s.dirty = true
		} else {
			delete(s.notes, note.ID)
			s.report("dropped " + note.Title)
		}
	}
}

func (s *Store) Find(words string) []*Note {
	var found []*Note
	for _, id := range s.ids() {
		note := s.notes[id]
		if strings.Contains(note.Title, words) {
			found = append(found, note)
		}
	}
	return found
}

func (s *Store) Rank(note *Note, other *Note) int {
	if note.Score > other.Score {
		return 1
	} else if note.Score < other.Score {
		return -1
	} else {
		return note.ID - other.ID
	}
}

func (s *Store) kind(id int) string {
	if id < 10 {
		return "old"
	} else if id < 100 {
		return "recent"
	}
	return "new"
}

func (s *Store) Parse(line string) (*Note, error) {
	parts := strings.SplitN(line, " ", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q has %d parts", line, len(parts))
	}
	id, err := strconv.Atoi(parts[0])
	if err != nil {
		return nil, fmt.Errorf("id %q: %w", parts[0], err)
	}
	score, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return nil, fmt.Errorf("score %q: %w", parts[1], err)
	}
	return &Note{ID: id, Score: score, Title: parts[2]}, nil
}

func (s *Store) report(what string) {
	if s.journal == nil {
		return
	}
	if _, err := s.journal.WriteString(what); err != nil {
		fmt.Printf("journal: %v after %d notes\n", err, len(s.notes))
	}
}

func (s *Store) Close() error {
	if s.dirty {
		if err := s.save(); err != nil {
			return err
		}
	}
	s.report("saved")
	s.report("closed")
	return nil
}
