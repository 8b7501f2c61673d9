graph [
  node [
    id 0
    label "a"
  ]
  node [
    id 1
    label "b"
  ]
  node [
    id 2
    label "c"
  ]
  edge [
    source 0
    target 1
    length_km 100.0
  ]
  edge [
    source 1
    target 2
    length_km 200.5
  ]
]
