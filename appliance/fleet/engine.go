// Package fleet is the engine: it watches every appliance, keeps the newest snapshot of each, carries out what operators
// ask for, and tells every viewer. It outlives every screen and knows none.
package fleet
